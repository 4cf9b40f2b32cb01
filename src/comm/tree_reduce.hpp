// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mpi.h>

#include <cstddef>
#include <span>
#include <vector>

#include "gasm/comm/communicator.hpp"
#include "gasm/comm/tree_sum.hpp"
#include "tree_layout.hpp"

namespace gasm {

/// What the ranks must know of each other's part of a TreeSum.
struct TreePart {
  std::int64_t num_leaves;
  std::uint64_t num_values;
  LeafRange range;
  std::int64_t is_ready;
};

TreePart describe(TreeSum const& sum, std::span<float const> out);

/// Throws the same AgreedError on all ranks, who see the same parts, unless
/// these make a whole.
void require_whole(std::span<TreePart const> parts);

/// Collective::reduce over MPI. `comm` must live as long.
class TreeReduce {
 public:
  explicit TreeReduce(Communicator const& comm) : comm_(comm) {}

  /// Collective.
  void operator()(TreeSum& sum, std::span<float> out);

 private:
  struct Chunk {
    std::size_t begin;
    std::size_t size;
  };

  Chunk chunk_of(int rank, Chunk slab) const;
  void exchange(TreeLayout const& layout, TreeSum& sum, Chunk slab);
  void share(std::span<float> out, Chunk slab);

  Communicator const& comm_;
  std::vector<float> received_;
  std::vector<float*> node_values_;
  std::vector<MPI_Request> requests_;
};

}  // namespace gasm
