// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mpi.h>

#include <span>
#include <vector>

#include "collective_call.hpp"
#include "gasm/comm/communicator.hpp"

namespace gasm {

/// Reductions whose order we choose: each rank gets all ranks' numbers of its
/// own piece and adds them in rank order. Receive buffers are bounded.
/// `comm` must live as long. Every member is collective.
class PieceExchange {
 public:
  explicit PieceExchange(Communicator const& comm) : comm_(comm) {}

  /// `calls` are all ranks', by rank; `values` this rank's.
  void all_reduce(Values values, std::span<CollectiveCall const> calls);
  void reduce_scatter(Values values, std::span<CollectiveCall const> calls);

 private:
  /// Rank r owns numbers pieces[r].begin .. + pieces[r].size.
  struct Piece {
    std::size_t begin;
    std::size_t size;
  };

  void reduce_pieces(Values values, std::span<Piece const> pieces,
                     std::span<CollectiveCall const> calls);
  void share_pieces(Values values, std::span<Piece const> pieces) const;

  Communicator const& comm_;
  std::vector<std::byte> received_;
  std::vector<MPI_Request> requests_;
};

}  // namespace gasm
