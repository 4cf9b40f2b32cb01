// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gasm/store/feature_info.hpp"

namespace gasm {

class Communicator;

/// Exact sums of values and of their squares, channel by channel: the same
/// bits whoever adds what, in whatever order. Values count in units of 2^-24,
/// which holds every number of half precision; those of single precision are
/// rounded to it. What is not finite, or 2^20 and more, is left out and
/// counted.
class ChannelSums {
 public:
  explicit ChannelSums(std::int64_t num_channels);

  /// Rows of num_channels values of `type`. The size is that of whole rows
  /// (asserted).
  void add(std::span<std::byte const> values, FeatureType type);

  /// Adds what all ranks have. Collective.
  void all_reduce(Communicator const& comm);

  /// Values that were left out.
  std::int64_t num_left_out() const { return num_left_out_; }
  /// A channel without a value has mean 0 and deviation 1.
  ChannelStatistics statistics() const;

 private:
  __extension__ using Wide = __int128;

  void add_one(std::size_t channel, std::int64_t units);

  std::vector<Wide> sums_;
  std::vector<Wide> squares_;
  std::vector<std::int64_t> counts_;
  std::int64_t num_left_out_ = 0;
};

}  // namespace gasm
