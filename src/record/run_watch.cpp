// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/run_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <vector>

#include "gasm/base/clock.hpp"
#include "gasm/base/duration_text.hpp"
#include "gasm/base/log.hpp"
#include "gasm/base/median.hpp"
#include "gasm/record/run_status.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kUsualSteps = 50;
constexpr double kDiskPeriod_s = 10;
constexpr double kPatienceShare = 0.1;  // of the limit, between two looks
constexpr double kShortestPeriod_s = 0.02;
constexpr double kLongestPeriod_s = 1.0;

void raise(AlertDesk& desk, std::int64_t step, char const* kind,
           std::string text) {
  // The run goes on: a disk that is full will end it where it must write.
  if (auto done = desk.raise({0.0, step, kind, std::move(text)}); !done)
    log_warn("{}", done.error().what());
}

}  // namespace

std::optional<double> checkpoint_bytes(fs::path const& checkpoints) {
  auto const newest = newest_checkpoint(checkpoints);
  if (!newest) return std::nullopt;
  double sum = 0;
  std::error_code gone;  // a run prunes while this looks
  fs::directory_iterator const files(
      checkpoints / fmt::format("step-{}", *newest), gone);
  for (auto const& file : files) {
    auto const size = file.file_size(gone);
    if (!gone) sum += static_cast<double>(size);
  }
  return sum;
}

RunWatch::RunWatch(AlertDesk& desk, RunWatchOptions options)
    : desk_(desk),
      options_(std::move(options)),
      life_s_(monotonic_s()),
      thread_([this](std::stop_token const& stop) { work(stop); }) {}

RunWatch::~RunWatch() = default;

void RunWatch::note_step(std::int64_t step) {
  std::lock_guard const lock(mutex_);
  double const now_s = monotonic_s();
  intervals_s_.push_back(now_s - life_s_);
  if (intervals_s_.size() > kUsualSteps) intervals_s_.pop_front();
  life_s_ = now_s;
  step_ = step;
  is_reported_ = false;
}

void RunWatch::note_life() {
  std::lock_guard const lock(mutex_);
  life_s_ = monotonic_s();
  is_reported_ = false;
}

std::optional<double> RunWatch::usual_s() const {
  if (intervals_s_.empty()) return std::nullopt;
  return median({intervals_s_.begin(), intervals_s_.end()});
}

void RunWatch::work(std::stop_token const& stop) {
  double disk_s = monotonic_s() - kDiskPeriod_s;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    double const period_s = std::clamp(kPatienceShare * options_.stall_s,
                                       kShortestPeriod_s, kLongestPeriod_s);
    lock.unlock();
    look_for_stall();
    if (monotonic_s() - disk_s >= kDiskPeriod_s) {
      look_at_disk();
      disk_s = monotonic_s();
    }
    lock.lock();
    wake_.wait_for(lock, stop, std::chrono::duration<double>(period_s),
                   [] { return false; });
  }
}

void RunWatch::look_for_stall() {
  std::unique_lock lock(mutex_);
  double const still_s = monotonic_s() - life_s_;
  auto const usual = usual_s();
  double const limit_s =
      std::max(options_.stall_s,
               options_.stall_factor * usual.value_or(options_.stall_s));
  if (options_.stall_factor <= 0 || is_reported_ || still_s <= limit_s) return;
  is_reported_ = true;
  auto const step = step_;
  lock.unlock();
  raise(desk_, step, "stall",
        fmt::format(
            "No step for {} after step {} ({}). logs/status-board says "
            "where each rank is.",
            duration_text(still_s), step,
            usual ? fmt::format("one usually takes {}", duration_text(*usual))
                  : "none was done yet"));
}

void RunWatch::look_at_disk() {
  if (options_.disk_bytes && *options_.disk_bytes <= 0) return;
  std::error_code unknown;
  auto const space = fs::space(options_.checkpoints, unknown);
  if (unknown) return;
  double const one = checkpoint_bytes(options_.checkpoints)
                         .value_or(options_.first_checkpoint_bytes);
  double const wanted = options_.disk_bytes.value_or(2 * one);
  auto const free = static_cast<double>(space.available);
  if (free >= wanted) return;
  std::unique_lock lock(mutex_);
  auto const step = step_;
  lock.unlock();
  raise(
      desk_, step, "disk",
      fmt::format("The disk of {} has {:.2f} GB left ({}; {:.2f} GB are "
                  "wanted). Try to free space.",
                  options_.checkpoints.string(), free * 1e-9,
                  options_.disk_bytes
                      ? "alerts.disk_gb"
                      : fmt::format("a checkpoint takes {:.2f} GB", one * 1e-9),
                  wanted * 1e-9));
}

}  // namespace gasm
