// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "gasm/comm/communicator.hpp"
#include "gasm/config/watch_config.hpp"

namespace gasm {

/// Compares, step by step, what ranks have exchanged and the weights that
/// they have: ranks that differ train nonsense together, or wait for each
/// other forever. What is compared are checksums, which travel with the flags
/// that ranks agree on in every step, so that it costs no message.
class RankChecks {
 public:
  /// Numbers that travel: two checksums, and what makes a maximum a comparison.
  static constexpr std::size_t num_values = 8;

  /// Takes a communicator of its own: ranks that exchanged different things
  /// may have messages under way in the other one. Collective.
  RankChecks(Communicator const& world, torch::nn::Module const& model,
             WatchConfig const& config);

  /// Before the flags of the step that is counted from 0 as `step` are
  /// exchanged by a maximum: this rank's part of them, num_values long.
  void fill(std::span<double> values, std::int64_t step);
  /// After it. Throws the same AgreedError on all ranks if ranks differ: it
  /// names the odd rank, and the first call or the first weights in which it
  /// differs; the flight files are written then. Collective if they differ.
  void compare(std::span<double const> values, std::int64_t step) const;

 private:
  bool is_due(int every, std::int64_t step) const;
  [[noreturn]] void name_calls(std::int64_t step) const;
  [[noreturn]] void name_weights(std::int64_t step) const;

  Communicator world_;
  torch::nn::Module const& model_;
  WatchConfig config_;
  /// Collectives up to the last comparison, and to the one before.
  std::uint64_t compared_ = 0;
  std::uint64_t compared_before_ = 0;
};

}  // namespace gasm
