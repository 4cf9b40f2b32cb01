// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>

#include "gasm/base/result.hpp"
#include "gasm/store/record_file.hpp"

namespace gasm {

/// Records that are on their way to this rank: one thread brings them, others
/// take them. Each use of a record is announced, brought and taken once; the
/// memory of a record is given up with its last use. Thread-safe.
class Arrivals {
 public:
  void expect(std::int64_t record);
  void bring(std::int64_t record, Result<RecordBytes> bytes);

  /// A record that was brought; waits for one that is only expected. nullopt
  /// at once for another.
  std::optional<Result<RecordBytes>> take(std::int64_t record);
  /// The same without waiting: nullopt for what is only expected, too.
  std::optional<Result<RecordBytes>> take_if_there(std::int64_t record);

  /// Waits until no more than `count` brought records have not been taken;
  /// false if stop() was called.
  bool wait_for_room(std::int64_t count);
  /// No record will be brought any more: ends all waiting.
  void stop();

  std::int64_t num_waiting() const;  ///< brought and not taken

 private:
  struct Entry {
    std::int64_t num_expected = 0;  ///< and not brought
    std::deque<Result<RecordBytes>> brought;
  };

  std::optional<Result<RecordBytes>> take_brought(
      std::int64_t record, std::unique_lock<std::mutex> lock);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::int64_t, Entry> entries_;
  std::int64_t num_brought_ = 0;
  bool is_stopped_ = false;
};

}  // namespace gasm
