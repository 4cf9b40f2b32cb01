// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"

namespace gasm {

/// Something that somebody should look at. One line of alerts.jsonl:
/// {"t": 1700000000.0, "step": 12, "kind": "non_finite", "text": "..."}.
struct Alert {
  double time_s = 0.0;  ///< Unix time; 0: filled in when it is written
  std::int64_t step = 0;
  std::string kind;  ///< a word to count by, e.g. non_finite, bad_sample
  std::string text;  ///< a sentence for people
};

/// Appends one line, creating the file. A torn last line of a killed run is
/// closed first, so that it spoils nothing but itself.
Result<void> append_alert(std::filesystem::path const& path, Alert alert);

/// All whole lines, oldest first; empty if the file does not exist. Lines
/// that are no alert are skipped: a killed run may have left one.
Result<std::vector<Alert>> read_alerts(std::filesystem::path const& path);

}  // namespace gasm
