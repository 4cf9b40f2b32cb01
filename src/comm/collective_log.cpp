// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/collective_log.hpp"

#include <time.h>

#include <atomic>
#include <string_view>

#include "flight_ring.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/base/rng.hpp"
#include "gasm/comm/stage.hpp"

namespace gasm {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

struct Log {
  std::atomic<char const*> name{"none"};
  std::atomic<std::uint64_t> sequence{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<int> depth{0};
  std::atomic<int> bucket{-1};
  std::atomic<std::int64_t> inside_us{0};
  // Of the thread that communicates.
  std::uint64_t ordered_digest = 0;
  std::uint64_t posted_digest = 0;
};

constinit Log the_log;
constinit FlightRing the_ring;

std::int64_t now_us(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000000 + now.tv_nsec / 1000;
}

/// Of what names say, not of where they lie: the same in all processes.
std::uint64_t hash_of(char const* name, CallShape const& shape) {
  std::uint64_t const bytes = shape.is_uniform ? shape.bytes + 1 : 0;
  return mix_key({xxh64(std::string_view(name)),
                  xxh64(std::string_view(shape.type)), bytes});
}

/// Returns its ticket.
std::uint64_t record(char const* name, CallShape const& shape, int bucket,
                     bool is_posted) {
  auto const ticket = the_ring.last.load(kRelaxed) + 1;
  auto& slot = the_ring.slot_of(ticket);
  slot.ticket.store(0, kRelaxed);
  slot.sequence.store(the_log.sequence.load(kRelaxed), kRelaxed);
  slot.kind.store(name, kRelaxed);
  slot.type.store(shape.type, kRelaxed);
  slot.phase.store(phase_mark(), kRelaxed);
  slot.stage.store(current_stage(), kRelaxed);
  slot.bytes.store(shape.bytes, kRelaxed);
  slot.begin_us.store(steady_unix_us(), kRelaxed);
  slot.end_us.store(0, kRelaxed);
  slot.bucket.store(bucket, kRelaxed);
  slot.is_uniform.store(shape.is_uniform, kRelaxed);
  slot.is_posted.store(is_posted, kRelaxed);
  slot.ticket.store(ticket, std::memory_order_release);
  the_ring.last.store(ticket, std::memory_order_release);
  return ticket;
}

/// When it began; 0: the slot is another call's by now.
std::int64_t end_record(std::uint64_t ticket, std::int64_t end_us) {
  auto& slot = the_ring.slot_of(ticket);
  if (slot.ticket.load(kRelaxed) != ticket) return 0;
  slot.end_us.store(end_us, kRelaxed);
  return slot.begin_us.load(kRelaxed);
}

}  // namespace

FlightRing& flight_ring() { return the_ring; }

std::int64_t steady_unix_us() {
  static std::int64_t const offset =
      now_us(CLOCK_REALTIME) - now_us(CLOCK_MONOTONIC);
  return now_us(CLOCK_MONOTONIC) + offset;
}

LastCollective last_collective() {
  LastCollective last;
  last.name = the_log.name.load(kRelaxed);
  last.sequence = the_log.sequence.load(kRelaxed);
  last.bytes = the_log.bytes.load(kRelaxed);
  last.inside = the_log.depth.load(kRelaxed) > 0;
  last.bucket = the_log.bucket.load(kRelaxed);
  return last;
}

CollectiveScope::CollectiveScope(char const* name, CallShape shape) {
  if (the_log.depth.fetch_add(1, kRelaxed) > 0) return;
  the_log.name.store(name, kRelaxed);
  the_log.bytes.store(shape.bytes, kRelaxed);
  the_log.sequence.fetch_add(1, kRelaxed);
  the_log.ordered_digest =
      mix_key({the_log.ordered_digest, hash_of(name, shape)});
  ticket_ = record(name, shape, the_log.bucket.load(kRelaxed), false);
}

CollectiveScope::~CollectiveScope() {
  the_log.depth.fetch_sub(1, kRelaxed);
  if (ticket_ == 0) return;
  auto const end_us = steady_unix_us();
  if (auto const begin_us = end_record(ticket_, end_us))
    the_log.inside_us.fetch_add(end_us - begin_us, kRelaxed);
}

WaitScope::WaitScope(char const* name) {
  if (the_log.depth.fetch_add(1, kRelaxed) > 0) return;
  the_log.name.store(name, kRelaxed);
  the_log.bytes.store(0, kRelaxed);
  begin_us_ = steady_unix_us();
}

WaitScope::~WaitScope() {
  the_log.depth.fetch_sub(1, kRelaxed);
  if (begin_us_ != 0)
    the_log.inside_us.fetch_add(steady_unix_us() - begin_us_, kRelaxed);
}

void PostedCall::begin(char const* name, CallShape shape, int bucket) {
  // A sum: the order of posts is each rank's own.
  the_log.posted_digest +=
      mix_key({hash_of(name, shape), static_cast<std::uint64_t>(bucket)});
  ticket_ = record(name, shape, bucket, true);
}

void PostedCall::end() { end_record(ticket_, steady_unix_us()); }

void note_bucket(int bucket) { the_log.bucket.store(bucket, kRelaxed); }

double seconds_in_collectives() {
  return 1e-6 * static_cast<double>(the_log.inside_us.load(kRelaxed));
}

std::uint64_t take_call_digest() {
  auto const digest = mix_key({the_log.ordered_digest, the_log.posted_digest});
  the_log.ordered_digest = 0;
  the_log.posted_digest = 0;
  return digest;
}

}  // namespace gasm
