// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/background.hpp"

#include <sys/resource.h>

namespace gasm {

void give_way_to_other_threads() {
  constexpr id_t this_thread = 0;  // Linux: a thread has a niceness of its own
  constexpr int lowest = 19;
  ::setpriority(PRIO_PROCESS, this_thread, lowest);
}

}  // namespace gasm
