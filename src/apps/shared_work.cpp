// SPDX-License-Identifier: Apache-2.0
#include "shared_work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gasm/base/clock.hpp"
#include "gasm/base/error.hpp"

namespace gasm {
namespace {

constexpr double kWaitFactor = 6;
constexpr double kMaxDeadline_s = 1e6;

}  // namespace

double checked_watchdog_s(double watchdog_s) {
  if (!(watchdog_s >= 0 && watchdog_s <= kMaxDeadline_s))
    throw usage_error("--watchdog-s is {} (must be 0 to {})", watchdog_s,
                      kMaxDeadline_s);
  return watchdog_s;
}

void add_watchdog_option(CommandLine& line, double& watchdog_s) {
  line.add("watchdog-s", watchdog_s, "N",
           fmt::format("Seconds for one clip, after which the job ends with "
                       "exit code 75; waiting for other ranks may take 6 "
                       "times that. 0: no limits ({}).",
                       watchdog_s));
}

SharedWork::SharedWork(Communicator const& world, std::string what,
                       std::string const& unit, double watchdog_s)
    : what_(std::move(what)),
      deadline_s_(checked_watchdog_s(watchdog_s)),
      watchdog_({.rank = world.rank(), .num_ranks = world.size()}) {
  progress_.emplace(
      what_, world.size() == 1 ? unit : unit + " of rank 0",
      world.is_root() ? Progress::Voice::speaks : Progress::Voice::silent);
  phase_.emplace(watchdog_, "prepare to " + what_, kWaitFactor * deadline_s_);
}

void SharedWork::update(std::int64_t done, std::int64_t total) {
  if (!share_start_s_) {
    share_start_s_ = monotonic_s();
    phase_.emplace(watchdog_, what_, deadline_s_);
  }
  watchdog_.progress(fmt::format("clip {} of {}", done, total));
  if (progress_) progress_->update(done, total);
  if (done == total) finish();
}

void SharedWork::finish() {
  progress_.reset();
  double const share_s = monotonic_s() - *share_start_s_;
  double const wait_s =
      deadline_s_ > 0 ? std::max(kWaitFactor * deadline_s_, share_s) : 0.0;
  phase_.emplace(watchdog_, "wait for the other ranks", wait_s);
}

}  // namespace gasm
