// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>
#include <set>

#include "gasm/base/error.hpp"
#include "gasm/base/result.hpp"

namespace gasm {

class SampleStore;

/// The samples of a store that one process found bad, and how many may be.
/// Thread-safe.
class BadSamples {
 public:
  /// `store` must outlive it.
  BadSamples(SampleStore const& store, double max_fraction)
      : store_(store), max_fraction_(max_fraction) {}

  /// Logs a sample once. Throws Error naming some of them when more are bad
  /// than the share allows.
  void note(std::int64_t sample, Error const& why);

  std::int64_t size() const;

  /// Fails if `num_bad` samples of one pass over the store, on all ranks
  /// together, are more than the share allows.
  Result<void> check_budget(std::int64_t num_bad) const;

 private:
  bool is_within_budget(std::int64_t num_bad) const;

  SampleStore const& store_;
  double max_fraction_;
  mutable std::mutex mutex_;
  std::set<std::int64_t> bad_;
};

}  // namespace gasm
