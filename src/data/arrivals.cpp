// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/arrivals.hpp"

#include <utility>

namespace gasm {

void Arrivals::expect(std::int64_t record) {
  std::lock_guard lock(mutex_);
  ++entries_[record].num_expected;
}

void Arrivals::bring(std::int64_t record, Result<RecordBytes> bytes) {
  {
    std::lock_guard lock(mutex_);
    Entry& entry = entries_[record];
    GASM_ASSERT(entry.num_expected > 0);
    --entry.num_expected;
    entry.brought.push_back(std::move(bytes));
    ++num_brought_;
  }
  changed_.notify_all();
}

std::optional<Result<RecordBytes>> Arrivals::take(std::int64_t record) {
  std::unique_lock lock(mutex_);
  auto const is_there = [&] {
    auto const found = entries_.find(record);
    return is_stopped_ || found == entries_.end() ||
           !found->second.brought.empty();
  };
  changed_.wait(lock, is_there);
  return take_brought(record, std::move(lock));
}

std::optional<Result<RecordBytes>> Arrivals::take_if_there(
    std::int64_t record) {
  return take_brought(record, std::unique_lock(mutex_));
}

std::optional<Result<RecordBytes>> Arrivals::take_brought(
    std::int64_t record, std::unique_lock<std::mutex> lock) {
  auto const found = entries_.find(record);
  if (found == entries_.end() || found->second.brought.empty())
    return std::nullopt;
  auto bytes = std::move(found->second.brought.front());
  found->second.brought.pop_front();
  --num_brought_;
  if (found->second.brought.empty() && found->second.num_expected == 0)
    entries_.erase(found);
  lock.unlock();
  changed_.notify_all();
  return bytes;
}

bool Arrivals::wait_for_room(std::int64_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return is_stopped_ || num_brought_ <= count; });
  return !is_stopped_;
}

void Arrivals::stop() {
  {
    std::lock_guard lock(mutex_);
    is_stopped_ = true;
  }
  changed_.notify_all();
}

std::int64_t Arrivals::num_waiting() const {
  std::lock_guard lock(mutex_);
  return num_brought_;
}

}  // namespace gasm
