// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gasm {

/// The last calls of this process. One thread writes; a watchdog or a signal
/// handler reads, without locks: a call that begins meanwhile may be mixed
/// with the one that it replaces.
struct FlightRing {
  static constexpr std::size_t num_slots = 1000;

  struct Slot {
    std::atomic<std::uint64_t> ticket{0};  ///< from 1; 0: never used
    std::atomic<std::uint64_t> sequence{0};
    std::atomic<char const*> kind{nullptr};
    std::atomic<char const*> type{nullptr};
    std::atomic<char const*> phase{nullptr};
    std::atomic<char const*> stage{nullptr};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::int64_t> begin_us{0};  ///< Unix time
    std::atomic<std::int64_t> end_us{0};    ///< 0: not ended
    std::atomic<int> bucket{-1};
    std::atomic<bool> is_uniform{true};
    std::atomic<bool> is_posted{false};
  };

  Slot& slot_of(std::uint64_t ticket) { return slots[ticket % num_slots]; }

  std::array<Slot, num_slots> slots;
  std::atomic<std::uint64_t> last{0};  ///< ticket
};

/// The one of this process.
FlightRing& flight_ring();

/// Unix time of a clock that never jumps. Safe in signal handlers.
std::int64_t steady_unix_us();

}  // namespace gasm
