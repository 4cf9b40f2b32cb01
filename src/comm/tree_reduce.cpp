// SPDX-License-Identifier: Apache-2.0
#include "tree_reduce.hpp"

#include <algorithm>

#include "gasm/comm/agree.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/native.hpp"

namespace gasm {
namespace {

/// Values exchanged at once: bounds the receive buffers, and every count fits
/// MPI's int.
constexpr std::size_t kSlabValues = std::size_t(1) << 22;

}  // namespace

TreePart describe(TreeSum const& sum, std::span<float const> out) {
  bool const is_ready = sum.is_complete() && out.size() == sum.num_values();
  return {sum.num_leaves(), sum.num_values(), sum.range(), is_ready};
}

void require_whole(std::span<TreePart const> parts) {
  std::int64_t next = 0;
  for (std::size_t rank = 0; rank < parts.size(); ++rank) {
    TreePart const& part = parts[rank];
    if (part.num_leaves != parts[0].num_leaves ||
        part.num_values != parts[0].num_values)
      throw AgreedError(
          error("rank {} sums {} leaves of {} values, rank 0 {} of {}", rank,
                part.num_leaves, part.num_values, parts[0].num_leaves,
                parts[0].num_values));
    if (part.is_ready == 0)
      throw AgreedError(error(
          "rank {} has not added all of its {} leaves, or wants the sum of {} "
          "values in an array of another size",
          rank, part.range.count, part.num_values));
    if (part.range.count > 0 && part.range.first != next)
      throw AgreedError(
          error("rank {} adds leaves from {} on (leaf {} is next)", rank,
                part.range.first, next));
    next += part.range.count;
  }
  if (next != parts[0].num_leaves)
    throw AgreedError(error("the ranks add {} leaves (the sum has {})", next,
                            parts[0].num_leaves));
}

TreeReduce::Chunk TreeReduce::chunk_of(int rank, Chunk slab) const {
  auto const r = static_cast<std::size_t>(rank);
  auto const n = static_cast<std::size_t>(comm_.size());
  std::size_t const begin = slab.size * r / n;
  return {slab.begin + begin, slab.size * (r + 1) / n - begin};
}

/// Brings all nodes' values of this rank's chunk here (node_values_), straight
/// from where they were summed.
void TreeReduce::exchange(TreeLayout const& layout, TreeSum& sum, Chunk slab) {
  MPI_Comm const comm = native_handle(comm_);
  constexpr int tag = 2;
  Chunk const mine = chunk_of(comm_.rank(), slab);
  std::size_t const num_nodes = layout.num_nodes();
  std::size_t const num_own = layout.num_of(comm_.rank());
  if (received_.size() < (num_nodes - num_own) * mine.size)
    received_.resize((num_nodes - num_own) * mine.size);
  node_values_.resize(num_nodes);
  requests_.clear();

  float* into = received_.data();
  for (int from = 0; from < comm_.size(); ++from) {
    auto const f = static_cast<std::size_t>(from);
    for (auto i = layout.first_of_rank[f]; i < layout.first_of_rank[f + 1];
         ++i) {
      if (from == comm_.rank()) {
        node_values_[i] =
            sum.values(i - layout.first_of_rank[f]).data() + mine.begin;
        continue;
      }
      node_values_[i] = into;
      check_mpi(MPI_Irecv(into, static_cast<int>(mine.size), MPI_FLOAT, from,
                          tag, comm, &requests_.emplace_back()),
                "tree reduce");
      into += mine.size;
    }
  }
  // Each rank starts with its neighbour, so that not all send to one.
  for (int hop = 1; hop < comm_.size(); ++hop) {
    int const to = (comm_.rank() + hop) % comm_.size();
    Chunk const theirs = chunk_of(to, slab);
    for (std::size_t i = 0; i < num_own; ++i)
      check_mpi(MPI_Isend(sum.values(i).data() + theirs.begin,
                          static_cast<int>(theirs.size), MPI_FLOAT, to, tag,
                          comm, &requests_.emplace_back()),
                "tree reduce");
  }
  check_mpi(MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(),
                        MPI_STATUSES_IGNORE),
            "tree reduce");
}

void TreeReduce::share(std::span<float> out, Chunk slab) {
  std::vector<int> counts;
  std::vector<int> offsets;
  for (int owner = 0; owner < comm_.size(); ++owner) {
    Chunk const theirs = chunk_of(owner, slab);
    counts.push_back(static_cast<int>(theirs.size));
    offsets.push_back(static_cast<int>(theirs.begin - slab.begin));
  }
  check_mpi(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL,
                           out.data() + slab.begin, counts.data(),
                           offsets.data(), MPI_FLOAT, native_handle(comm_)),
            "tree reduce");
}

void TreeReduce::operator()(TreeSum& sum, std::span<float> out) {
  CollectiveScope scope("tree_reduce", out.size_bytes());
  auto const parts = comm_.all_gather(describe(sum, out));
  require_whole(parts);
  std::vector<LeafRange> ranges;
  for (TreePart const& part : parts) ranges.push_back(part.range);
  TreeLayout const layout = lay_out_tree(sum.num_leaves(), ranges);
  for (std::size_t begin = 0; begin < out.size(); begin += kSlabValues) {
    Chunk const slab{begin, std::min(kSlabValues, out.size() - begin)};
    exchange(layout, sum, slab);
    Chunk const mine = chunk_of(comm_.rank(), slab);
    add_along_tree(layout, node_values_, out.subspan(mine.begin, mine.size));
    share(out, slab);
  }
}

}  // namespace gasm
