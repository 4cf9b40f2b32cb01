// SPDX-License-Identifier: Apache-2.0
#include "lone_work.hpp"

#include <fmt/format.h>

#include <utility>

#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"

namespace gasm {

LoneWork::LoneWork(Communicator const& world, std::string what,
                   double watchdog_s)
    : world_(world),
      what_(std::move(what)),
      deadline_s_(checked_watchdog_s(watchdog_s)),
      watchdog_({.rank = world.rank(), .num_ranks = world.size()}) {
  progress_.emplace(
      what_, "MB",
      world.is_root() ? Progress::Voice::speaks : Progress::Voice::silent);
}

bool LoneWork::run(std::function<bool()> const& body) {
  Result<bool> done = false;
  if (world_.is_root()) {
    if (world_.size() > 1)
      log_info("{}: serial work of rank 0, the other {} wait", what_,
               world_.size() - 1);
    Phase const phase(watchdog_, what_, deadline_s_);
    done = caught(body);
    finish();
  }
  Phase const phase(watchdog_, "wait for rank 0", 0);
  world_.barrier();
  int is_good = agree(world_, std::move(done)) ? 1 : 0;
  world_.broadcast(is_good);
  return is_good == 1;
}

void LoneWork::update_bytes(std::int64_t done, std::int64_t total) {
  constexpr std::int64_t bytes_per_mb = 1'000'000;
  watchdog_.progress(fmt::format("byte {} of {}", done, total));
  if (progress_) progress_->update(done / bytes_per_mb, total / bytes_per_mb);
}

void LoneWork::finish() { progress_.reset(); }

}  // namespace gasm
