// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "gasm/comm/communicator.hpp"
#include "gasm/comm/tree_sum.hpp"
#include "gasm/comm/values.hpp"

namespace gasm {

struct CollectiveCall;

/// How large vectors of numbers are exchanged: over MPI, over the GPUs' own
/// network, or not at all. Every member but rank(), size() and memory() is
/// collective, and is called by one thread. All work in place, on memory of
/// the kind that memory() names.
///
/// All ranks must call the same with as many numbers of the same type, else
/// the same AgreedError is thrown on all of them, before anything moved; it
/// names the rank that differs. (NCCL checks its first calls only:
/// nccl_collective.hpp.) Other errors are thrown where they occur.
///
/// What the 16-bit types lose: over MPI, numbers travel in 16 bits, are added
/// as floats and rounded once, to nearest even. NCCL rounds as it likes.
/// Results are equal on all ranks, but depend on the number of ranks.
class Collective {
 public:
  virtual ~Collective() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual Memory memory() const = 0;

  /// Every rank gets the reduction of all ranks' numbers.
  void all_reduce(Values values, Reduction reduction = Reduction::sum());
  void all_reduce_sum(std::span<float> values) {
    all_reduce(fp32_values(values));
  }
  void all_reduce_max(std::span<float> values) {
    all_reduce(fp32_values(values), Reduction::maximum());
  }

  /// Rank r gets the reduction in its share: the r-th of size() equal parts
  /// of `values` (share()). The other parts stay as they were. The number of
  /// values must be a multiple of size(): pad them.
  void reduce_scatter(Values values, Reduction reduction = Reduction::sum());

  /// Every rank's share goes to all ranks. Shares are those of reduce_scatter.
  void all_gather(Values values);

  /// Root's values go to all ranks.
  void broadcast(Values values, int root);

  /// Returns when everything called before is done, and throws what went
  /// wrong meanwhile. Over MPI a call is done when it returns; over NCCL it
  /// has only been put into the stream.
  virtual void wait() {}

  /// Releases what the destructor cannot, because that communicates. Nothing
  /// may be called afterwards.
  virtual void close() {}

  /// Ends a round of `sum`: `out` (num_values floats) gets the sum of all
  /// leaves, the same bits on all ranks and for every number of ranks. The
  /// ranges of the ranks, in rank order, must be complete and follow each
  /// other from the first leaf to the last (a rank may have none); else the
  /// same AgreedError is thrown on all ranks. `sum` is used up: reset() it.
  ///
  /// Ranks send every subtree's values piecewise to the pieces' owners, who
  /// add them along the tree and share the result: where each rank holds one
  /// subtree, the traffic is that of a ring all-reduce. Host memory only.
  virtual void reduce(TreeSum& sum, std::span<float> out) = 0;

 private:
  /// All ranks' calls, by rank; none where this call is not to be checked.
  virtual std::vector<CollectiveCall> meet(CollectiveCall const& mine) = 0;
  /// `all` is what meet() returned, and has been checked.
  virtual void run(CollectiveCall const& mine,
                   std::span<CollectiveCall const> all) = 0;
  void check_and_run(CollectiveCall const& mine);
};

/// The r-th of `num_ranks` equal parts of `values`.
Values share(Values values, int rank, int num_ranks);

/// Over MPI, among the ranks of `comm`, with messages of its own; host
/// memory. Collective. Not to be used after the session has closed.
std::unique_ptr<Collective> make_mpi_collective(Communicator const& comm);

/// One rank, no MPI; host memory.
std::unique_ptr<Collective> make_self_collective();

}  // namespace gasm
