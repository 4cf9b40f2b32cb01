// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "gasm/comm/communicator.hpp"

namespace gasm {

/// The order in which backward completes gradients, as one backward showed it.
class ReadyOrder {
 public:
  explicit ReadyOrder(std::size_t num_parameters)
      : num_times_(num_parameters) {}

  /// Backward has added to the gradient of this parameter.
  void note(std::size_t parameter);

  std::size_t num_parameters() const { return num_times_.size(); }
  std::vector<std::size_t> const& seen() const { return seen_; }
  /// Those that were added to once: when others are complete, nobody knows.
  std::vector<std::size_t> once() const;
  /// Those that got no gradient.
  std::vector<std::size_t> never() const;

 private:
  std::vector<std::size_t> seen_;
  std::vector<int> num_times_;
};

/// For all ranks what the lowest of those that have seen something saw; none
/// if no rank has. Collective.
std::optional<ReadyOrder> agree_ready_order(Communicator const& world,
                                            ReadyOrder const& mine);

}  // namespace gasm
