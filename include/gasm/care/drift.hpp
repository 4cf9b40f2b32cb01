// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gasm {

/// What is needed of many values to compare their mean with others'.
struct Moments {
  std::int64_t count = 0;
  double mean = 0.0;
  double std = 0.0;
};

/// One side of a comparison. What a source does not tell stays empty and is
/// not compared.
struct DriftSide {
  std::string name;             ///< in messages: a path, a split
  std::int64_t num_tried = 0;   ///< videos or clips
  std::int64_t num_failed = 0;  ///< of them, those that cannot be used
  /// Class name -> number of clips.
  std::map<std::string, std::int64_t> classes;
  std::optional<Moments> brightness;
  std::optional<Moments> motion;
  /// Id -> XXH64 of the file; empty text where it could not be read.
  std::map<std::string, std::string> files;
};

/// When something is an alert.
struct DriftLimits {
  /// Rise of the share of failed clips, absolute.
  double max_bad_rise = 0.001;
  /// Share of the reference's files that changed or are gone.
  double max_changed = 0.0;
  /// Total variation distance between the class shares, 0 to 1.
  double max_class_distance = 0.05;
  /// Relative change of the mean of brightness or motion.
  double max_shift = 0.1;
  /// A distance or shift counts only if chance explains it with a probability
  /// below this.
  double significance = 0.001;
};

enum class DriftKind {
  decode_errors,
  changed_files,
  class_drift,
  brightness_drift,
  motion_drift,
};
/// The word of a kind in alerts.jsonl.
char const* to_string(DriftKind kind);

struct DriftAlert {
  DriftKind kind;
  std::string text;  ///< a sentence with figures and limits
};

/// How two sets of clips differ, beyond the limits.
///
/// decode_errors: the share of failed clips rises by more than max_bad_rise.
/// changed_files: more than max_changed of the reference's ids are missing or
///   have other bytes.
/// class_drift: total variation distance above max_class_distance, and a
///   chi-square test of homogeneity (Pearson; classes with fewer than 5 clips
///   expected on a side are one class) below `significance`.
/// brightness_drift, motion_drift: the mean shifts by more than max_shift of
///   the reference's, and Welch's test (normal approximation, two-sided) is
///   below `significance`.
std::vector<DriftAlert> find_drift(DriftSide const& reference,
                                   DriftSide const& current,
                                   DriftLimits const& limits = {});

/// Half the sum of |p_i - q_i| over the classes of either side.
double total_variation(std::map<std::string, std::int64_t> const& reference,
                       std::map<std::string, std::int64_t> const& current);

/// Probability of a chi-square statistic at least as large as the one between
/// the two sides if both were drawn from one population; 1 if nothing can be
/// told (fewer than two classes after pooling).
double class_p_value(std::map<std::string, std::int64_t> const& reference,
                     std::map<std::string, std::int64_t> const& current);

/// The same for the difference of two means; 1 for fewer than 10 values on a
/// side.
double mean_p_value(Moments const& reference, Moments const& current);

}  // namespace gasm
