// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/bad_samples.hpp"

#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "gasm/base/log.hpp"
#include "gasm/store/sample_store.hpp"

namespace gasm {
namespace {

constexpr std::size_t kMostNamed = 5;

}  // namespace

std::int64_t BadSamples::size() const {
  std::lock_guard lock(mutex_);
  return static_cast<std::int64_t>(bad_.size());
}

bool BadSamples::is_within_budget(std::int64_t num_bad) const {
  return static_cast<double>(num_bad) <=
         max_fraction_ * static_cast<double>(store_.size());
}

Result<void> BadSamples::check_budget(std::int64_t num_bad) const {
  if (is_within_budget(num_bad)) return {};
  return failure(
      "{} of {} clips of {} cannot be used, more than data.max_bad_fraction = "
      "{} allows (the ranks' warnings name them). Try gasm data verify on the "
      "videos and make the file again",
      num_bad, store_.size(), store_.path().string(), max_fraction_);
}

void BadSamples::note(std::int64_t sample, Error const& why) {
  std::lock_guard lock(mutex_);
  if (!bad_.insert(sample).second) return;
  log_rank_warn("clip {} is left out: {}", store_.id(sample), why.what());
  if (is_within_budget(static_cast<std::int64_t>(bad_.size()))) return;
  std::vector<std::string> ids;
  for (auto bad : bad_)
    if (ids.size() < kMostNamed) ids.push_back(store_.id(bad));
  throw error(
      "{} of {} clips of {} cannot be used, more than data.max_bad_fraction = "
      "{} allows (clips {}{}; the last one: {}). Try gasm data verify on the "
      "videos and make the file again",
      bad_.size(), store_.size(), store_.path().string(), max_fraction_,
      fmt::join(ids, ", "), bad_.size() > ids.size() ? ", ..." : "",
      why.what());
}

}  // namespace gasm
