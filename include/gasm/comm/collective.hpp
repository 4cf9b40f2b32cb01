// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>

#include "gasm/comm/communicator.hpp"
#include "gasm/comm/tree_sum.hpp"

namespace gasm {

/// How gradients are exchanged: over MPI, over a device's own network, or not
/// at all. Every member but rank() and size() is collective, and is called by
/// one thread. Errors are thrown.
class Collective {
 public:
  virtual ~Collective() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// In place, equal on all ranks; the sum depends on the number of ranks.
  virtual void all_reduce_sum(std::span<float> values) = 0;
  virtual void all_reduce_max(std::span<float> values) = 0;

  /// Ends a round of `sum`: `out` (num_values floats) gets the sum of all
  /// leaves, the same bits on all ranks and for every number of ranks. The
  /// ranges of the ranks, in rank order, must be complete and follow each
  /// other from the first leaf to the last (a rank may have none); else the
  /// same AgreedError is thrown on all ranks. `sum` is used up: reset() it.
  ///
  /// Ranks send every subtree's values piecewise to the pieces' owners, who
  /// add them along the tree and share the result: where each rank holds one
  /// subtree, the traffic is that of a ring all-reduce.
  virtual void reduce(TreeSum& sum, std::span<float> out) = 0;
};

/// Over MPI, among the ranks of `comm`, with messages of its own.
/// Collective. Not to be used after the session has closed.
std::unique_ptr<Collective> make_mpi_collective(Communicator const& comm);

/// One rank, no MPI.
std::unique_ptr<Collective> make_self_collective();

}  // namespace gasm
