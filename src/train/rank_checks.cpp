// SPDX-License-Identifier: Apache-2.0
#include "rank_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gasm/base/hash.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/call_difference.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/flight_file.hpp"
#include "same_ranks.hpp"

namespace gasm {
namespace {

// Half a checksum each: a double holds 53 bits, and the maximum of x and that
// of -x are opposite if, and only if, all ranks have the same x.
constexpr std::size_t kValuesOfOne = 4;

void put(std::span<double> values, std::uint64_t checksum) {
  auto const low = static_cast<double>(checksum & 0xffffffffULL);
  auto const high = static_cast<double>(checksum >> 32);
  values[0] = low;
  values[1] = -low;
  values[2] = high;
  values[3] = -high;
}

bool are_equal(std::span<double const> values) {
  return values[0] == -values[1] && values[2] == -values[3];
}

/// Calls that still lie in the recorder, as texts that ranks can send.
std::string packed(std::vector<FlightCall> const& calls) {
  std::string text;
  for (auto const& call : calls)
    text += fmt::format("{} {} {} {} {} {} {}\n", call.sequence, call.bytes,
                        call.bucket, call.is_uniform ? 1 : 0,
                        call.is_posted ? 1 : 0, call.type, call.kind);
  return text;
}

std::vector<FlightCall> unpacked(std::string const& text) {
  std::vector<FlightCall> calls;
  for (std::istringstream lines(text); lines.good();) {
    FlightCall call;
    int is_uniform = 0;
    int is_posted = 0;
    lines >> call.sequence >> call.bytes >> call.bucket >> is_uniform >>
        is_posted >> call.type;
    lines.get();
    if (!std::getline(lines, call.kind)) break;
    call.is_uniform = is_uniform != 0;
    call.is_posted = is_posted != 0;
    calls.push_back(call);
  }
  return calls;
}

}  // namespace

RankChecks::RankChecks(Communicator const& world,
                       torch::nn::Module const& model,
                       WatchConfig const& config)
    : world_(world.duplicate()), model_(model), config_(config) {
  take_call_digest();
  compared_ = last_collective().sequence;
}

bool RankChecks::is_due(int every, std::int64_t step) const {
  return world_.size() > 1 && every > 0 && (step + 1) % every == 0;
}

void RankChecks::fill(std::span<double> values, std::int64_t step) {
  std::ranges::fill(values, 0.0);
  if (is_due(config_.calls_every, step)) {
    put(values.first<kValuesOfOne>(), take_call_digest());
    compared_before_ = std::exchange(compared_, last_collective().sequence);
  }
  if (is_due(config_.weights_every, step))
    put(values.last<kValuesOfOne>(), weights_checksum(model_));
}

void RankChecks::compare(std::span<double const> values,
                         std::int64_t step) const {
  if (!are_equal(values.first<kValuesOfOne>())) name_calls(step);
  if (!are_equal(values.last<kValuesOfOne>())) name_weights(step);
}

void RankChecks::name_calls(std::int64_t step) const {
  auto const mine = recent_calls();
  write_flight_file("ranks called different things");
  std::vector<std::vector<FlightCall>> all;
  for (auto const& text : world_.all_gather_strings(packed(mine)))
    all.push_back(unpacked(text));
  auto const found = first_call_difference(all, compared_before_);
  if (!found)
    throw AgreedError(
        error("ranks have called different things in step {} (the first of "
              "them are no longer in the flight recorder). Try "
              "watch.calls_every: 1",
              step + 1));
  throw AgreedError(error(
      "{} of {} called {} as collective {}, where rank {} called {} (found in "
      "step {}; logs/flight-rank-R.json has the last calls of each rank)",
      found->ranks.who(), world_.size(), found->ranks.of_odd, found->sequence,
      found->ranks.usual, found->ranks.of_usual, step + 1));
}

void RankChecks::name_weights(std::int64_t step) const {
  auto const odd = find_odd_weights(world_, model_);
  if (!odd)
    throw AgreedError(
        error("the weights of the ranks differed in step {}, and no longer do "
              "(memory that fails, or a mistake in gasm)",
              step + 1));
  throw AgreedError(error(
      "the weights of {} of {} are not those of rank {} after step {} ({} is "
      "the first that differs: memory or a device that fails, or a mistake in "
      "gasm). Try to go on from the newest checkpoint without that host",
      odd->who, world_.size(), odd->usual, step, odd->parameter));
}

}  // namespace gasm
