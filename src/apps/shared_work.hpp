// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "command_line.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/comm/watchdog.hpp"
#include "progress.hpp"

namespace gasm {

/// Seconds for one clip, unless --watchdog-s says otherwise.
inline constexpr double default_watchdog_s = 600;

/// Adds --watchdog-s to a command.
void add_watchdog_option(CommandLine& line, double& watchdog_s);

/// The value of the option. Throws a usage error if it is none.
double checked_watchdog_s(double watchdog_s);

/// Work whose clips the ranks share out once, to meet at the end: rank 0 tells
/// how far it is, and every rank has a watchdog. In its share a rank must
/// finish a clip every `watchdog_s` seconds. Elsewhere it may wait for the
/// others 6 times as long, or as long as its own share took if that is longer:
/// shares are equal in number, not in time, and machines differ. 0: no
/// deadlines. Not collective.
class SharedWork {
 public:
  /// `what` and `unit` as in Progress. Throws a usage error for a `watchdog_s`
  /// that is none.
  SharedWork(Communicator const& world, std::string what,
             std::string const& unit, double watchdog_s);

  /// So many clips of the own share are done. The first call begins the share
  /// and the one with the total ends it.
  void update(std::int64_t done, std::int64_t total);
  /// A sign of life outside of the share.
  void alive(std::string const& doing) { watchdog_.progress(doing); }

 private:
  void finish();

  std::string what_;
  double deadline_s_;
  std::optional<Progress> progress_;
  Watchdog watchdog_;
  std::optional<Phase> phase_;
  std::optional<double> share_start_s_;
};

}  // namespace gasm
