// SPDX-License-Identifier: Apache-2.0
// Times the gradient exchange: mpirun -n 2 comm_bench_reduce [MB] [leaves]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "gasm/base/clock.hpp"
#include "gasm/comm/collective.hpp"
#include "gasm/comm/run_guarded.hpp"

int main(int argc, char** argv) {
  using namespace gasm;
  double const size_mb = argc > 1 ? std::atof(argv[1]) : 8.0;
  return run_guarded(argc, argv, [&](Communicator const& world) {
    auto const num_values = static_cast<std::size_t>(size_mb * 250000);
    std::int64_t const num_leaves =
        argc > 2 ? std::atoll(argv[2]) : world.size();
    auto const collective = make_mpi_collective(world);
    TreeSum sum(num_leaves, num_values);
    std::vector<float> const leaf(num_values, 1.0f);
    std::vector<float> out(num_values);
    std::vector<double> tree_ms, ring_ms, add_ms;
    for (int i = 0; i < 30; ++i) {
      double const begin_s = monotonic_s();
      sum.reset(even_leaf_range(num_leaves, world.rank(), world.size()));
      while (!sum.is_complete()) sum.add_leaf(leaf);
      add_ms.push_back((monotonic_s() - begin_s) * 1e3);
      world.all_reduce_sum(1);
      double const tree_s = monotonic_s();
      collective->reduce(sum, out);
      tree_ms.push_back((monotonic_s() - tree_s) * 1e3);
      world.all_reduce_sum(1);
      double const ring_s = monotonic_s();
      collective->all_reduce_sum(out);
      ring_ms.push_back((monotonic_s() - ring_s) * 1e3);
    }
    auto const median = [](std::vector<double> times) {
      std::sort(times.begin(), times.end());
      return times[times.size() / 2];
    };
    if (world.is_root())
      fmt::print(
          "{} ranks, {} MB, {} leaves: tree reduce {:.2f} ms (best {:.2f}), "
          "MPI_Allreduce {:.2f} ms, add_leaf {:.2f} ms\n",
          world.size(), size_mb, num_leaves, median(tree_ms),
          *std::min_element(tree_ms.begin(), tree_ms.end()), median(ring_ms),
          median(add_ms));
    return ExitCode::done;
  });
}
