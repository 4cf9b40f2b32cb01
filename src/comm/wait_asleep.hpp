// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <thread>

namespace gasm {

/// Returns when is_done() says true. Sleeps between polls, but not the first
/// few: ranks that come together meet within microseconds.
template <class IsDone>
void wait_asleep(IsDone is_done) {
  constexpr int num_quick_polls = 100;
  for (int polls = 0; !is_done(); ++polls)
    if (polls >= num_quick_polls)
      std::this_thread::sleep_for(std::chrono::microseconds(50));
}

}  // namespace gasm
