// SPDX-License-Identifier: Apache-2.0
#include <mpi.h>

#include <algorithm>

#include "collective_call.hpp"
#include "gasm/comm/collective.hpp"
#include "gasm/comm/native.hpp"
#include "native_access.hpp"
#include "piece_exchange.hpp"
#include "tree_reduce.hpp"

namespace gasm {
namespace {

/// Floats that one MPI_Allreduce gets. What it needs in between then stays in
/// the cache: tens of megabytes in one piece take twice to three times as
/// long with Open MPI 4.1 (docs/benchmarks.md).
constexpr std::size_t kSlabValues = std::size_t(1) << 20;

void multiply(std::span<float> values, float factor) {
  if (factor == 1.0f) return;
  for (float& value : values) value *= factor;
}

void divide(std::span<float> values, float divisor) {
  for (float& value : values) value /= divisor;
}

class MpiCollective : public Collective {
 public:
  explicit MpiCollective(Communicator comm)
      : comm_(std::move(comm)), pieces_(comm_), tree_(comm_) {}

  int rank() const override { return comm_.rank(); }
  int size() const override { return comm_.size(); }
  Memory memory() const override { return Memory::host; }
  void reduce(TreeSum& sum, std::span<float> out) override { tree_(sum, out); }
  void close() override { comm_.close(); }

 private:
  std::vector<CollectiveCall> meet(CollectiveCall const& mine) override {
    return comm_.all_gather(mine);
  }

  void run(CollectiveCall const& mine,
           std::span<CollectiveCall const> all) override {
    switch (mine.operation) {
      case Operation::all_reduce:
        if (mine.values.type == DataType::fp32) return all_reduce_floats(mine);
        return pieces_.all_reduce(mine.values, all);
      case Operation::reduce_scatter:
        return pieces_.reduce_scatter(mine.values, all);
      case Operation::all_gather:
        return gather_shares(mine.values);
      case Operation::broadcast:
        return comm_.broadcast(bytes_in(mine.values), mine.root);
    }
  }

  static std::span<std::byte> bytes_in(Values values) {
    return {static_cast<std::byte*>(values.data), values.size_bytes()};
  }

  void all_reduce_floats(CollectiveCall const& call) {
    std::span const values(static_cast<float*>(call.values.data),
                           call.values.count);
    auto const kind = call.reduction.kind;
    MPI_Op const op = kind == Reduction::Kind::maximum ? MPI_MAX : MPI_SUM;
    for (std::size_t first = 0; first < values.size(); first += kSlabValues) {
      auto const slab =
          values.subspan(first, std::min(kSlabValues, values.size() - first));
      multiply(slab, call.reduction.used_factor());
      check_mpi(MPI_Allreduce(MPI_IN_PLACE, slab.data(),
                              static_cast<int>(slab.size()), MPI_FLOAT, op,
                              native_handle(comm_)),
                "all_reduce");
      if (kind == Reduction::Kind::mean)
        divide(slab, static_cast<float>(size()));
    }
  }

  void gather_shares(Values values) {
    std::size_t const share_bytes = share(values, 0, size()).size_bytes();
    if (share_bytes <= max_message_bytes()) {
      check_mpi(MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, values.data,
                              static_cast<int>(share_bytes), MPI_BYTE,
                              native_handle(comm_)),
                "all_gather");
      return;
    }
    // Counts are ints: larger shares go in pieces, one after another.
    for (int root = 0; root < size(); ++root)
      comm_.broadcast(bytes_in(share(values, root, size())), root);
  }

  Communicator comm_;
  PieceExchange pieces_;
  TreeReduce tree_;
};

}  // namespace

std::unique_ptr<Collective> make_mpi_collective(Communicator const& comm) {
  if (comm.size() == 1) return make_self_collective();
  return std::make_unique<MpiCollective>(comm.duplicate());
}

}  // namespace gasm
