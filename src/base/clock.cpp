// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/clock.hpp"

#include <fmt/chrono.h>

#include <chrono>
#include <ctime>

namespace gasm {

double monotonic_s() {
  using std::chrono::duration;
  return duration<double>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double thread_cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         1e-9 * static_cast<double>(now.tv_nsec);
}

double unix_time_s() {
  using std::chrono::duration;
  return duration<double>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string utc_timestamp() {
  return fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr)));
}

}  // namespace gasm
