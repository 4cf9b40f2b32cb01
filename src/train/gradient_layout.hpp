// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gasm/comm/tree_exchange.hpp"

namespace gasm {

/// How gradients are cut into what is exchanged at once.
struct BucketOptions {
  double first_mb = 1;  ///< small, so that the exchange begins early
  double mb = 25;
  /// Buckets can be cut into so many equal parts of whole blocks.
  std::size_t num_shares = 1;
};

/// Where each parameter's gradient lies in one flat vector of floats:
///   [bucket 0 | bucket 1 | ... | other gradients | statistics, counts]
/// The first buckets hold gradients in the order in which backward makes them,
/// and each is exchanged as soon as it is full. The others are exchanged when
/// backward has ended: a last bucket of parameters without a place in that
/// order, and the tail: what batch norm measured, and the counts of a step.
/// Each gradient, and the tail, start at a multiple of kOwnedBlock; what lies
/// between two gradients is 0.
struct GradientLayout {
  std::vector<std::size_t> offset_of;  ///< by parameter
  std::vector<std::size_t> bucket_of;  ///< by parameter
  std::vector<ValueRange> buckets;     ///< of gradients
  std::size_t num_ordered = 0;         ///< of them: all but the others
  ValueRange tail;
  /// Blocks of kOwnedBlock values that hold gradients, parameter by parameter:
  /// an order that does not depend on when they were ready.
  std::vector<std::int64_t> blocks_by_parameter;
  std::size_t num_gradient_values = 0;  ///< the tail begins here
  std::size_t num_values = 0;

  /// What is exchanged at once: the buckets, then the tail.
  std::size_t num_exchanges() const { return buckets.size() + 1; }
  ValueRange exchange(std::size_t i) const {
    return i < buckets.size() ? buckets[i] : tail;
  }
};

/// `sizes`: values of each parameter. `ready_order`: parameters by the time at
/// which their gradient is complete; those that are not in it go into the
/// tail. `num_more`: statistics and counts. A parameter that is larger than a
/// bucket has one of its own.
GradientLayout lay_out_gradients(std::span<std::size_t const> sizes,
                                 std::span<std::size_t const> ready_order,
                                 std::size_t num_more,
                                 BucketOptions const& options);

}  // namespace gasm
