// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gasm {

/// Seconds on a clock that never jumps; only differences mean anything.
double monotonic_s();

/// CPU seconds of the calling thread.
double thread_cpu_s();

/// Seconds since 1970-01-01 UTC.
double unix_time_s();

/// The present moment as "2026-11-22T04:32:00Z".
std::string utc_timestamp();

}  // namespace gasm
