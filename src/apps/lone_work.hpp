// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "gasm/comm/communicator.hpp"
#include "gasm/comm/watchdog.hpp"
#include "progress.hpp"
#include "shared_work.hpp"

namespace gasm {

/// Work that one rank does while the others wait asleep for it. Its watchdog
/// wants a sign of life every `watchdog_s` seconds; those who wait have no
/// deadline of their own, for the working rank's ends the job. 0: none.
class LoneWork {
 public:
  LoneWork(Communicator const& world, std::string what, double watchdog_s);

  /// Runs `body`, which must not communicate, on the root. Its result, or its
  /// error, on all ranks. Collective.
  bool run(std::function<bool()> const& body);

  /// So many bytes of all are done.
  void update_bytes(std::int64_t done, std::int64_t total);
  /// Takes the progress line away, before something is printed.
  void finish();

 private:
  Communicator const& world_;
  std::string what_;
  double deadline_s_;
  Watchdog watchdog_;
  std::optional<Progress> progress_;
};

}  // namespace gasm
