// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/alert_judge.hpp"

#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <string_view>

#include "gasm/base/median.hpp"

namespace gasm {
namespace {

constexpr std::size_t kLossWindow = 50;
constexpr std::size_t kFewestLosses = 20;
constexpr double kDeviationsOfMad = 1.4826;  // of a normal distribution
// In nats. A loss near zero hardly varies, and then anything is a spike.
constexpr double kLeastDeviation = 0.05;
constexpr std::size_t kWaitWindow = 5;
constexpr std::int64_t kBadWindow_steps = 100;

void keep_last(std::deque<double>& values, double value, std::size_t count) {
  values.push_back(value);
  if (values.size() > count) values.pop_front();
}

std::vector<double> distances(std::vector<double> values, double from) {
  for (auto& value : values) value = std::abs(value - from);
  return values;
}

Alert alert_of(MetricsLine const& line, char const* kind, std::string text) {
  return {line.time_s, line.step, kind, std::move(text)};
}

}  // namespace

std::vector<Alert> AlertJudge::judge(MetricsLine const& line) {
  std::vector<Alert> found;
  for (auto const& [name, value] : line.values)
    if (!std::isfinite(value))
      found.push_back(
          alert_of(line, "non_finite",
                   fmt::format("{} {} is {} at step {} (not a finite number).",
                               line.split, name, value, line.step)));
  auto const add = [&](std::optional<Alert> alert) {
    if (alert) found.push_back(*std::move(alert));
  };
  if (line.split == "train") {
    add(judge_loss(line));
    add(judge_data_wait(line));
  }
  if (line.split == "val") add(judge_top1(line));
  return found;
}

std::optional<Alert> AlertJudge::judge_loss(MetricsLine const& line) {
  auto const loss = find_value(line, "loss");
  if (!loss || !std::isfinite(*loss)) return std::nullopt;
  std::vector<double> const before(losses_.begin(), losses_.end());
  keep_last(losses_, *loss, kLossWindow);
  if (limits_.loss_spike <= 0 || before.size() < kFewestLosses)
    return std::nullopt;
  double const middle = median(before);
  double const deviation = std::max(
      kDeviationsOfMad * median(distances(before, middle)), kLeastDeviation);
  double const limit = middle + limits_.loss_spike * deviation;
  if (*loss <= limit) return std::nullopt;
  return alert_of(line, "loss_spike",
                  fmt::format("The loss is {:.4g} at step {} (the median of "
                              "the last {} lines is {:.4g}, the limit {:.4g}).",
                              *loss, line.step, before.size(), middle, limit));
}

std::optional<Alert> AlertJudge::judge_top1(MetricsLine const& line) {
  auto const top1 = find_value(line, "top1");
  if (!top1 || !std::isfinite(*top1)) return std::nullopt;
  auto const best = best_top1_;
  if (!best || *top1 > best->second) best_top1_ = {line.step, *top1};
  if (!best || limits_.top1_drop <= 0 ||
      *top1 >= best->second - limits_.top1_drop)
    return std::nullopt;
  return alert_of(
      line, "validation_regression",
      fmt::format("Validation top-1 is {:.2f} % at step {} (it was {:.2f} % "
                  "at step {}).",
                  100 * *top1, line.step, 100 * best->second, best->first));
}

std::optional<Alert> AlertJudge::judge_data_wait(MetricsLine const& line) {
  auto const wait = find_value(line, "data_wait");
  if (!wait || !std::isfinite(*wait)) return std::nullopt;
  keep_last(waits_, *wait, kWaitWindow);
  if (waits_.size() < kWaitWindow) return std::nullopt;
  double const mean = std::accumulate(waits_.begin(), waits_.end(), 0.0) /
                      static_cast<double>(kWaitWindow);
  if (mean <= limits_.data_wait) return std::nullopt;
  return alert_of(
      line, "data_wait",
      fmt::format("Rank 0 waits for data {:.0f} % of the time (step {}). Try "
                  "more data.threads, or gasm data layout.",
                  100 * mean, line.step));
}

std::optional<Alert> AlertJudge::judge_bad_clips(std::int64_t step,
                                                 std::int64_t num_bad) {
  bad_.emplace_back(step, num_bad);
  while (bad_.front().first <= step - kBadWindow_steps) bad_.pop_front();
  std::int64_t sum = 0;
  for (auto const& [at, count] : bad_) sum += count;
  double const clips =
      static_cast<double>(kBadWindow_steps * limits_.clips_per_step);
  if (static_cast<double>(sum) <= limits_.bad_clips * clips)
    return std::nullopt;
  return Alert{0.0, step, "decode_errors",
               fmt::format("{} clips of the last {} steps could not be decoded "
                           "(step {}; the logs name them). Try gasm data "
                           "verify.",
                           sum, kBadWindow_steps, step)};
}

}  // namespace gasm
