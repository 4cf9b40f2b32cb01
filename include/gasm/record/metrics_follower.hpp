// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/record/metrics.hpp"

namespace gasm {

/// Reads a growing metrics.jsonl again and again, each time only what is new.
/// A file that was replaced or became shorter, as a resumed run does, is read
/// from its beginning. An unfinished last line waits until it is finished;
/// lines that are no metrics lines are counted and left out.
class MetricsFollower {
 public:
  explicit MetricsFollower(std::filesystem::path path)
      : path_(std::move(path)) {}

  /// Reads what is new. A file that is not there has no lines. An error if it
  /// cannot be read; what was read before stays.
  Result<void> update();

  /// All lines so far, oldest first.
  std::vector<MetricsLine> const& lines() const { return lines_; }
  std::int64_t num_damaged() const { return num_damaged_; }

 private:
  void forget();

  std::filesystem::path path_;
  std::vector<MetricsLine> lines_;
  std::int64_t num_damaged_ = 0;
  std::uint64_t inode_ = 0;
  std::uint64_t offset_bytes_ = 0;  // of what is read
  std::string rest_;                // an unfinished line
};

}  // namespace gasm
