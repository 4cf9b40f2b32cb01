// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/peak_memory.hpp"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <memory>

namespace gasm {
namespace {

/// Hears of every allocation of torch's CPU allocator.
class Meter : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void* /*where*/, std::int64_t size,
                         std::size_t /*total_allocated*/,
                         std::size_t /*total_reserved*/,
                         c10::Device /*device*/) override {
    held_ += size;  // negative when memory is given back
    peak_ = std::max(peak_, held_);
  }
  bool memoryProfilingEnabled() const override { return true; }
  std::int64_t peak() const { return peak_; }

 private:
  std::int64_t held_ = 0;
  std::int64_t peak_ = 0;
};

}  // namespace

std::int64_t peak_tensor_bytes(std::function<void()> const& run) {
  auto const meter = std::make_shared<Meter>();
  {
    c10::DebugInfoGuard const guard(c10::DebugInfoKind::PROFILER_STATE, meter);
    run();
  }
  return meter->peak();
}

}  // namespace gasm
