// SPDX-License-Identifier: Apache-2.0
#include "piece_exchange.hpp"

#include <algorithm>

#include "gasm/comm/native.hpp"
#include "ordered_sum.hpp"

namespace gasm {
namespace {

constexpr int kTag = 3;
/// Bytes of all ranks' pieces together that are exchanged at once: bounds the
/// receive buffers, fits MPI's int, and stays in the cache until it is added.
constexpr std::size_t kSlabBytes = std::size_t(4) << 20;

std::byte* address(Values values, std::size_t index) {
  return static_cast<std::byte*>(values.data) + index * bytes_of(values.type);
}

MPI_Datatype mpi_type(DataType type) {
  return type == DataType::fp32 ? MPI_FLOAT : MPI_UINT16_T;
}

}  // namespace

void PieceExchange::all_reduce(Values values,
                               std::span<CollectiveCall const> calls) {
  std::size_t const num_ranks = calls.size();
  std::size_t const slab = kSlabBytes / bytes_of(values.type);
  std::vector<Piece> pieces(num_ranks);
  for (std::size_t first = 0; first < values.count; first += slab) {
    std::size_t const size = std::min(slab, values.count - first);
    for (std::size_t r = 0; r < num_ranks; ++r) {
      std::size_t const begin = size * r / num_ranks;
      pieces[r] = {first + begin, size * (r + 1) / num_ranks - begin};
    }
    reduce_pieces(values, pieces, calls);
    share_pieces(values, pieces);
  }
}

void PieceExchange::reduce_scatter(Values values,
                                   std::span<CollectiveCall const> calls) {
  std::size_t const num_ranks = calls.size();
  std::size_t const share = values.count / num_ranks;
  std::size_t const slab =
      std::max<std::size_t>(1, kSlabBytes / bytes_of(values.type) / num_ranks);
  std::vector<Piece> pieces(num_ranks);
  for (std::size_t first = 0; first < share; first += slab) {
    for (std::size_t r = 0; r < num_ranks; ++r)
      pieces[r] = {r * share + first, std::min(slab, share - first)};
    reduce_pieces(values, pieces, calls);
  }
}

/// This rank's piece becomes the reduction of all ranks' numbers of it.
void PieceExchange::reduce_pieces(Values values, std::span<Piece const> pieces,
                                  std::span<CollectiveCall const> calls) {
  MPI_Comm const comm = native_handle(comm_);
  MPI_Datatype const type = mpi_type(values.type);
  int const rank = comm_.rank();
  int const size = comm_.size();
  Piece const mine = pieces[static_cast<std::size_t>(rank)];
  std::size_t const piece_bytes = mine.size * bytes_of(values.type);
  if (received_.size() < piece_bytes * pieces.size())
    received_.resize(piece_bytes * pieces.size());
  requests_.clear();
  std::vector<Addend> addends(pieces.size());
  for (int from = 0; from < size; ++from) {
    auto const f = static_cast<std::size_t>(from);
    auto* const into = received_.data() + f * piece_bytes;
    addends[f] = {from == rank ? address(values, mine.begin) : into,
                  calls[f].reduction.used_factor()};
    if (from != rank)
      check_mpi(MPI_Irecv(into, static_cast<int>(mine.size), type, from, kTag,
                          comm, &requests_.emplace_back()),
                "reduction");
  }
  // Each rank starts with its neighbour, so that not all send to one.
  for (int hop = 1; hop < size; ++hop) {
    int const to = (rank + hop) % size;
    Piece const theirs = pieces[static_cast<std::size_t>(to)];
    check_mpi(
        MPI_Isend(address(values, theirs.begin), static_cast<int>(theirs.size),
                  type, to, kTag, comm, &requests_.emplace_back()),
        "reduction");
  }
  check_mpi(MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(),
                        MPI_STATUSES_IGNORE),
            "reduction");
  add_in_order(
      addends, calls[0].reduction.kind,
      {address(values, mine.begin), mine.size, values.type, values.memory});
}

/// Every rank's piece goes to all ranks. The pieces follow each other.
void PieceExchange::share_pieces(Values values,
                                 std::span<Piece const> pieces) const {
  std::vector<int> counts;
  std::vector<int> offsets;
  for (auto const& piece : pieces) {
    counts.push_back(static_cast<int>(piece.size));
    offsets.push_back(static_cast<int>(piece.begin - pieces[0].begin));
  }
  check_mpi(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL,
                           address(values, pieces[0].begin), counts.data(),
                           offsets.data(), mpi_type(values.type),
                           native_handle(comm_)),
            "reduction");
}

}  // namespace gasm
