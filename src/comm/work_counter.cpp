// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/work_counter.hpp"

#include <atomic>
#include <limits>
#include <new>

namespace gasm {
namespace {

using Counter = std::atomic<std::int64_t>;
// Only such an atomic works between processes.
static_assert(Counter::is_always_lock_free);

/// Half of the range: no number of calls gets from there to its end.
constexpr std::int64_t kStopped = std::numeric_limits<std::int64_t>::max() / 2;

Counter& counter_in(SharedMemory const& memory) {
  return *std::launder(reinterpret_cast<Counter*>(memory.bytes().data()));
}

}  // namespace

WorkCounter::WorkCounter(Communicator const& node)
    : memory_(node, sizeof(Counter)) {
  if (node.is_root()) new (memory_.bytes().data()) Counter(0);
  memory_.sync(node);
}

std::int64_t WorkCounter::next() { return counter_in(memory_).fetch_add(1); }

void WorkCounter::stop() { counter_in(memory_).store(kStopped); }

}  // namespace gasm
