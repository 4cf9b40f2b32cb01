// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/bench_all_reduce.hpp"

#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <vector>

#include "gasm/base/clock.hpp"
#include "gasm/base/median.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/collective.hpp"
#include "gasm/comm/native.hpp"

namespace gasm {
namespace {

constexpr std::size_t kMiB = std::size_t(1) << 20;
/// 0: in one piece.
constexpr std::size_t kSlabBytes[] = {0, kMiB, 2 * kMiB, 4 * kMiB};

class Bench {
 public:
  Bench(Communicator const& world, std::size_t num_bytes, DataType type)
      : world_(world),
        num_values_(num_bytes / bytes_of(type)),
        type_(type),
        floats_(num_values_),
        halves_(type == DataType::fp32 ? 0 : num_values_),
        sum_(world.size(), num_values_) {}

  /// Seconds of the slowest rank, when the same was done just before: what
  /// lies in the caches is then the same for all that is compared.
  template <class Body, class Prepare>
  double time(Body body, Prepare prepare) {
    prepare();
    body();
    prepare();
    check_mpi(MPI_Barrier(native_handle(world_)), "bench");
    double const start_s = monotonic_s();
    body();
    return world_.all_reduce_max(monotonic_s() - start_s);
  }

  double ours(Collective& collective, Reduction reduction) {
    return time([&] { collective.all_reduce(values(), reduction); }, [] {});
  }

  double plain(std::size_t slab_bytes) {
    return time([&] { all_reduce_plainly(slab_bytes); }, [] {});
  }

  double tree(Collective& collective) {
    return time([&] { collective.reduce(sum_, floats_); },
                [&] {
                  sum_.reset(world_.rank(), 1);
                  sum_.add_leaf(floats_);
                });
  }

 private:
  void all_reduce_plainly(std::size_t slab_bytes) {
    std::size_t const slab =
        slab_bytes == 0 ? num_values_ : slab_bytes / sizeof(float);
    for (std::size_t first = 0; first < num_values_; first += slab)
      check_mpi(
          MPI_Allreduce(MPI_IN_PLACE, floats_.data() + first,
                        static_cast<int>(std::min(slab, num_values_ - first)),
                        MPI_FLOAT, MPI_SUM, native_handle(world_)),
          "bench");
  }

  Values values() {
    if (type_ == DataType::fp32) return fp32_values(floats_);
    return {halves_.data(), halves_.size(), type_, Memory::host};
  }

  Communicator const& world_;
  std::size_t num_values_;
  DataType type_;
  std::vector<float> floats_;
  std::vector<std::uint16_t> halves_;
  TreeSum sum_;
};

}  // namespace

BenchAllReduceResult bench_all_reduce(Communicator const& world,
                                      std::size_t num_bytes,
                                      BenchAllReduceOptions const& options) {
  auto bench = agree_call(world, [&] {
    return std::make_unique<Bench>(world, num_bytes, options.type);
  });
  auto const collective = make_mpi_collective(world);
  std::vector<double> ours, tree;
  std::vector<std::vector<double>> plain(std::size(kSlabBytes));
  // The first round touches the memory and is not counted.
  for (int round = 0; round <= options.num_repeats; ++round) {
    if (options.on_progress)
      options.on_progress(fmt::format("{} bytes, round {} of {}", num_bytes,
                                      round, options.num_repeats));
    ours.push_back(bench->ours(*collective, options.reduction));
    for (std::size_t i = 0; i < plain.size(); ++i)
      if (kSlabBytes[i] < num_bytes)
        plain[i].push_back(bench->plain(kSlabBytes[i]));
    tree.push_back(bench->tree(*collective));
  }
  auto const middle = [](std::vector<double> const& times) {
    return median({times.begin() + 1, times.end()});
  };
  BenchAllReduceResult result{.num_bytes = num_bytes,
                              .ours_s = middle(ours),
                              .plain_s = middle(plain[0]),
                              .tree_s = middle(tree)};
  for (std::size_t i = 1; i < plain.size(); ++i) {
    if (plain[i].empty() || middle(plain[i]) >= result.plain_s) continue;
    result.plain_s = middle(plain[i]);
    result.plain_slab_bytes = kSlabBytes[i];
  }
  collective->close();
  return result;
}

}  // namespace gasm
