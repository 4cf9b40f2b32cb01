// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "gasm/comm/communicator.hpp"
#include "gasm/comm/values.hpp"

namespace gasm {

struct BenchAllReduceOptions {
  DataType type = DataType::fp32;
  Reduction reduction;
  int num_repeats = 11;
  /// Says what is being done.
  std::function<void(std::string const&)> on_progress = {};
};

/// Medians over the repeats, each time that of the slowest rank.
struct BenchAllReduceResult {
  std::size_t num_bytes = 0;
  double ours_s = 0.0;
  /// The fastest of plain MPI_Allreduce in one piece and in slabs, and the
  /// bytes of its slabs (0: in one piece). Of floats, as MPI knows no 16-bit
  /// ones: as many numbers, twice the bytes.
  double plain_s = 0.0;
  std::size_t plain_slab_bytes = 0;
  /// Collective::reduce of as many floats, one leaf a rank.
  double tree_s = 0.0;
};

/// Measures Collective::all_reduce of num_bytes bytes over MPI beside plain
/// MPI_Allreduce and the fixed tree, in turns, so that a noisy machine is as
/// noisy for all. Throws Error without MPI. Collective.
BenchAllReduceResult bench_all_reduce(Communicator const& world,
                                      std::size_t num_bytes,
                                      BenchAllReduceOptions const& options);

}  // namespace gasm
