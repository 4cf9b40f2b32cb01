// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/duration_text.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

namespace gasm {

std::string duration_text(double seconds) {
  constexpr std::int64_t minute = 60;
  constexpr std::int64_t hour = 60 * minute;
  constexpr std::int64_t day = 24 * hour;
  if (!(seconds <= 1000.0 * day)) return "?";
  if (seconds <= 0) return "0 s";
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  auto const whole = std::llround(seconds);
  if (whole < minute) return fmt::format("{} s", whole);
  if (whole < hour)
    return fmt::format("{} min {:02} s", whole / minute, whole % minute);
  if (whole < day)
    return fmt::format("{} h {:02} min", whole / hour, whole % hour / minute);
  return fmt::format("{} d {:02} h", whole / day, whole % day / hour);
}

}  // namespace gasm
