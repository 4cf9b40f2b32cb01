// SPDX-License-Identifier: Apache-2.0
#include "rank_skew.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "gasm/base/clock.hpp"
#include "gasm/base/host_name.hpp"
#include "gasm/comm/collective_log.hpp"

namespace gasm {
namespace {

/// The middle one; of an even number, the lower of the two, so that one of
/// two ranks can be slower than the median.
double lower_median(std::vector<double> values) {
  auto const middle =
      values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

/// In which it is furthest beyond what the median rank needs.
StepPart worst_part(std::vector<OwnTimes> const& ranks, OwnTimes const& slow) {
  std::size_t worst = 0;
  double most_s = -1.0;
  for (std::size_t i = 0; i < kNumStepParts; ++i) {
    std::vector<double> all;
    for (auto const& times : ranks)
      all.push_back(times.seconds[i] / times.num_clips);
    double const beyond_s =
        slow.seconds[i] / slow.num_clips - lower_median(all);
    if (beyond_s <= most_s) continue;
    most_s = beyond_s;
    worst = i;
  }
  return static_cast<StepPart>(worst);
}

}  // namespace

char const* name_of(StepPart part) {
  switch (part) {
    case StepPart::data:
      return "data";
    case StepPart::forward:
      return "forward";
    case StepPart::backward:
      return "backward";
    case StepPart::optimizer:
      return "optimiser";
  }
  return "unknown";
}

double OwnTimes::total_s() const {
  return std::accumulate(seconds.begin(), seconds.end(), 0.0);
}

std::optional<double> OwnTimes::per_clip_s() const {
  if (num_clips <= 0.0) return std::nullopt;
  return total_s() / num_clips;
}

PartScope::PartScope(OwnTimes& times, StepPart part)
    : stage_(name_of(part)),
      times_(times),
      part_(part),
      begin_s_(monotonic_s()),
      waited_s_(seconds_in_collectives()) {}

PartScope::~PartScope() {
  double const waited_s = seconds_in_collectives() - waited_s_;
  times_.seconds[static_cast<std::size_t>(part_)] +=
      std::max(0.0, monotonic_s() - begin_s_ - waited_s);
}

std::optional<Skew> find_skew(std::vector<OwnTimes> const& by_rank) {
  std::vector<OwnTimes> busy;
  std::vector<double> per_clip_s;
  std::optional<Skew> skew;
  double most_s = 0.0;
  for (std::size_t rank = 0; rank < by_rank.size(); ++rank) {
    auto const own_s = by_rank[rank].per_clip_s();
    if (!own_s) continue;
    busy.push_back(by_rank[rank]);
    per_clip_s.push_back(*own_s);
    if (skew && *own_s <= most_s) continue;
    most_s = *own_s;
    skew = Skew{.rank = static_cast<int>(rank)};
  }
  if (busy.size() < 2) return std::nullopt;
  double const median_s = lower_median(per_clip_s);
  skew->factor = median_s > 0.0 ? most_s / median_s : 1.0;
  skew->part = worst_part(busy, by_rank[static_cast<std::size_t>(skew->rank)]);
  skew->own_ms = 1e3 * most_s;
  skew->median_ms = 1e3 * median_s;
  return skew;
}

std::optional<Skew> SkewWatch::look(Communicator const& world,
                                    OwnTimes const& mine) {
  last_ = world.size() > 1 ? find_skew(world.all_gather(mine)) : std::nullopt;
  return last_;
}

bool SkewWatch::count(std::optional<Skew> const& skew) {
  bool const is_slow =
      skew && config_.skew_factor > 0 && skew->factor >= config_.skew_factor;
  if (!is_slow) {
    num_lines_ = 0;
    return false;
  }
  num_lines_ = skew->rank == slow_rank_ ? num_lines_ + 1 : 1;
  slow_rank_ = skew->rank;
  return num_lines_ == config_.skew_lines;
}

std::string SkewWatch::warning(Communicator const& world) {
  if (!count(last_)) return "";
  std::string host = host_name();
  world.broadcast(host, last_->rank);
  return fmt::format(
      "rank {} on host {} is slow: {:.1f} ms of its own a clip, {:.2f} times "
      "the median rank's {:.1f} ms, for {} lines of the log, most of it in "
      "phase {}",
      last_->rank, host, last_->own_ms, last_->factor, last_->median_ms,
      num_lines_, name_of(last_->part));
}

}  // namespace gasm
