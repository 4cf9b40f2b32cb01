// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "gasm/base/exit_code.hpp"
#include "gasm/care/drift.hpp"
#include "shared_work.hpp"

namespace gasm {

class Communicator;

/// The options of gasm data monitor.
struct MonitorWords {
  std::string reference;
  std::string current;
  std::string run;
  std::int64_t num_steps = 50;
  std::string store;
  std::string alerts;
  DriftLimits limits;
  double watchdog_s = default_watchdog_s;
};

/// Compares, prints, appends alerts: agreed_failure if there is one.
/// Collective.
ExitCode monitor_data(Communicator const& world, MonitorWords const& words);

}  // namespace gasm
