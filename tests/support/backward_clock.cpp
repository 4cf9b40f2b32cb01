// SPDX-License-Identifier: Apache-2.0
// Loaded before everything else (LD_PRELOAD), a clock of the day that goes back
// by a minute each time it is read, as clocks do that somebody sets.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static std::atomic<long> num_read = 0;
  auto const failed = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  if (failed == 0 && clock == CLOCK_REALTIME) time->tv_sec -= 60 * num_read++;
  return failed;
}
