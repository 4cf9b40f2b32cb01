// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/collective_log.hpp"

#include <atomic>

namespace gasm {
namespace {

struct Log {
  std::atomic<char const*> name{"none"};
  std::atomic<std::uint64_t> sequence{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<int> depth{0};
};

constinit Log the_log;

}  // namespace

LastCollective last_collective() {
  LastCollective last;
  last.name = the_log.name.load(std::memory_order_relaxed);
  last.sequence = the_log.sequence.load(std::memory_order_relaxed);
  last.bytes = the_log.bytes.load(std::memory_order_relaxed);
  last.inside = the_log.depth.load(std::memory_order_relaxed) > 0;
  return last;
}

CollectiveScope::CollectiveScope(char const* name, std::uint64_t bytes) {
  if (the_log.depth.fetch_add(1, std::memory_order_relaxed) > 0) return;
  the_log.name.store(name, std::memory_order_relaxed);
  the_log.bytes.store(bytes, std::memory_order_relaxed);
  the_log.sequence.fetch_add(1, std::memory_order_relaxed);
}

CollectiveScope::~CollectiveScope() {
  the_log.depth.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace gasm
