// SPDX-License-Identifier: Apache-2.0
#include "gasm/care/drift.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <set>

namespace gasm {
namespace {

using ClassCounts = std::map<std::string, std::int64_t>;

constexpr double kLeastExpected = 5;  // clips, for the chi-square approximation
constexpr std::int64_t kLeastForMean = 10;  // clips, for the normal one
constexpr std::size_t kMostNamed = 3;

double sum_of(ClassCounts const& counts) {
  double sum = 0;
  for (auto const& [name, count] : counts) sum += static_cast<double>(count);
  return sum;
}

double count_of(ClassCounts const& counts, std::string const& name) {
  auto const found = counts.find(name);
  return found == counts.end() ? 0.0 : static_cast<double>(found->second);
}

std::set<std::string> names_of(ClassCounts const& a, ClassCounts const& b) {
  std::set<std::string> names;
  for (auto const& [name, count] : a) names.insert(name);
  for (auto const& [name, count] : b) names.insert(name);
  return names;
}

/// Clips of one class, or of several pooled ones, on both sides.
struct Cell {
  double reference = 0;
  double current = 0;
};

std::vector<Cell> cells_of(ClassCounts const& reference,
                           ClassCounts const& current) {
  double const num_reference = sum_of(reference);
  double const num_current = sum_of(current);
  double const smaller_share =
      std::min(num_reference, num_current) / (num_reference + num_current);
  std::vector<Cell> cells;
  Cell rare;
  for (auto const& name : names_of(reference, current)) {
    Cell const cell{count_of(reference, name), count_of(current, name)};
    if ((cell.reference + cell.current) * smaller_share >= kLeastExpected) {
      cells.push_back(cell);
    } else {
      rare.reference += cell.reference;
      rare.current += cell.current;
    }
  }
  if (rare.reference + rare.current > 0) cells.push_back(rare);
  return cells;
}

double bad_share(DriftSide const& side) {
  return side.num_tried > 0 ? static_cast<double>(side.num_failed) /
                                  static_cast<double>(side.num_tried)
                            : 0.0;
}

void check_failures(DriftSide const& reference, DriftSide const& current,
                    DriftLimits const& limits,
                    std::vector<DriftAlert>& alerts) {
  double const rise = bad_share(current) - bad_share(reference);
  if (!(rise > limits.max_bad_rise)) return;
  alerts.push_back(
      {DriftKind::decode_errors,
       fmt::format("{} of {} clips of {} cannot be used, {:.3f} %, and of {} "
                   "{:.3f} % (limit of the rise: {:g} %).",
                   current.num_failed, current.num_tried, current.name,
                   100 * bad_share(current), reference.name,
                   100 * bad_share(reference), 100 * limits.max_bad_rise)});
}

void check_files(DriftSide const& reference, DriftSide const& current,
                 DriftLimits const& limits, std::vector<DriftAlert>& alerts) {
  if (reference.files.empty() || current.files.empty()) return;
  std::vector<std::string> changed;
  std::int64_t num_missing = 0;
  for (auto const& [id, hash] : reference.files) {
    if (hash.empty()) continue;  // had none to begin with
    auto const now = current.files.find(id);
    bool const is_missing = now == current.files.end() || now->second.empty();
    if (is_missing) ++num_missing;
    if (is_missing || now->second != hash) changed.push_back(id);
  }
  double const share = static_cast<double>(changed.size()) /
                       static_cast<double>(reference.files.size());
  if (!(share > limits.max_changed)) return;
  auto const num_named = std::min(changed.size(), kMostNamed);
  alerts.push_back(
      {DriftKind::changed_files,
       fmt::format(
           "{} of {} files of {} are not the same in {} ({} of them missing; "
           "first: {}).",
           changed.size(), reference.files.size(), reference.name, current.name,
           num_missing,
           fmt::join(changed.begin(),
                     changed.begin() + static_cast<std::ptrdiff_t>(num_named),
                     ", "))});
}

/// The classes whose share moved most: "A 10.0 % -> 3.0 %".
std::string largest_moves(ClassCounts const& reference,
                          ClassCounts const& current) {
  struct Move {
    double size;
    std::string text;
  };
  std::vector<Move> moves;
  for (auto const& name : names_of(reference, current)) {
    double const p = count_of(reference, name) / sum_of(reference);
    double const q = count_of(current, name) / sum_of(current);
    moves.push_back({std::abs(p - q), fmt::format("'{}' {:.2f} % -> {:.2f} %",
                                                  name, 100 * p, 100 * q)});
  }
  std::ranges::stable_sort(moves, std::greater(), &Move::size);
  std::string text;
  for (std::size_t i = 0; i < moves.size() && i < kMostNamed; ++i)
    text += (i == 0 ? "" : ", ") + moves[i].text;
  return text;
}

void check_classes(DriftSide const& reference, DriftSide const& current,
                   DriftLimits const& limits, std::vector<DriftAlert>& alerts) {
  if (sum_of(reference.classes) <= 0 || sum_of(current.classes) <= 0) return;
  double const distance = total_variation(reference.classes, current.classes);
  double const p_value = class_p_value(reference.classes, current.classes);
  if (!(distance > limits.max_class_distance) ||
      !(p_value < limits.significance))
    return;
  alerts.push_back(
      {DriftKind::class_drift,
       fmt::format("the classes of {} are not shared as in {}: total variation "
                   "distance {:.3f} (limit {:g}), chi-square p {:.2g}; most: "
                   "{}.",
                   current.name, reference.name, distance,
                   limits.max_class_distance, p_value,
                   largest_moves(reference.classes, current.classes))});
}

void check_mean(DriftKind kind, char const* what, DriftSide const& reference,
                DriftSide const& current, std::optional<Moments> const& was,
                std::optional<Moments> const& is, DriftLimits const& limits,
                std::vector<DriftAlert>& alerts) {
  if (!was || !is) return;
  double const change = is->mean - was->mean;
  bool const is_large = std::abs(change) > limits.max_shift * was->mean;
  double const p_value = mean_p_value(*was, *is);
  if (!is_large || !(p_value < limits.significance)) return;
  alerts.push_back(
      {kind,
       fmt::format("mean {} of {} is {:.3g}, of {} {:.3g}: {:+.1f} % "
                   "(limit {:g} %), p {:.2g}.",
                   what, current.name, is->mean, reference.name, was->mean,
                   100 * change / was->mean, 100 * limits.max_shift, p_value)});
}

}  // namespace

char const* to_string(DriftKind kind) {
  switch (kind) {
    case DriftKind::decode_errors:
      return "decode_errors";
    case DriftKind::changed_files:
      return "changed_files";
    case DriftKind::class_drift:
      return "class_drift";
    case DriftKind::brightness_drift:
      return "brightness_drift";
    case DriftKind::motion_drift:
      return "motion_drift";
  }
  return "unknown";
}

double total_variation(ClassCounts const& reference,
                       ClassCounts const& current) {
  double sum = 0;
  for (auto const& name : names_of(reference, current))
    sum += std::abs(count_of(reference, name) / sum_of(reference) -
                    count_of(current, name) / sum_of(current));
  return sum / 2;
}

double class_p_value(ClassCounts const& reference, ClassCounts const& current) {
  auto const cells = cells_of(reference, current);
  if (cells.size() < 2) return 1.0;
  double const share =
      sum_of(reference) / (sum_of(reference) + sum_of(current));
  double statistic = 0;
  for (auto const& cell : cells) {
    double const both = cell.reference + cell.current;
    double const off = cell.reference - both * share;
    statistic += off * off / (both * share) + off * off / (both * (1 - share));
  }
  double const degrees = static_cast<double>(cells.size() - 1);
  return boost::math::gamma_q(degrees / 2, statistic / 2);
}

double mean_p_value(Moments const& reference, Moments const& current) {
  if (std::min(reference.count, current.count) < kLeastForMean) return 1.0;
  auto const variance = [](Moments const& m) {
    return m.std * m.std / static_cast<double>(m.count);
  };
  double const change = std::abs(current.mean - reference.mean);
  double const error = std::sqrt(variance(reference) + variance(current));
  if (error <= 0) return change > 0 ? 0.0 : 1.0;
  return std::erfc(change / error / std::sqrt(2.0));
}

std::vector<DriftAlert> find_drift(DriftSide const& reference,
                                   DriftSide const& current,
                                   DriftLimits const& limits) {
  std::vector<DriftAlert> alerts;
  check_failures(reference, current, limits, alerts);
  check_files(reference, current, limits, alerts);
  check_classes(reference, current, limits, alerts);
  check_mean(DriftKind::brightness_drift, "brightness", reference, current,
             reference.brightness, current.brightness, limits, alerts);
  check_mean(DriftKind::motion_drift, "motion", reference, current,
             reference.motion, current.motion, limits, alerts);
  return alerts;
}

}  // namespace gasm
