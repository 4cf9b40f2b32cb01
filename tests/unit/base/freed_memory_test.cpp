// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/freed_memory.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace {

constexpr std::size_t kNumBytes = std::size_t{256} << 20;

long num_page_faults() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

/// Page faults of a block that is filled and freed.
long faults_of_a_block() {
  long const before = num_page_faults();
  std::unique_ptr<std::byte, decltype(&std::free)> const block(
      static_cast<std::byte*>(std::malloc(kNumBytes)), &std::free);
  for (std::size_t i = 0; i < kNumBytes; i += 4096)
    const_cast<std::byte volatile*>(block.get())[i] = std::byte{1};
  return num_page_faults() - before;
}

TEST(FreedMemory, IsThereForTheNextBlock) {
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || \
    defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "memory of another allocator than glibc's";
#endif
  gasm::keep_freed_memory();
  EXPECT_GT(faults_of_a_block(), 100);
  EXPECT_LT(faults_of_a_block(), 10);
}

}  // namespace
