// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/large_memory.hpp"

#include <sys/mman.h>

#include <new>

namespace gasm {

LargeMemory allocate_large(std::size_t num_bytes) {
  constexpr std::size_t huge_page_bytes = std::size_t{2} << 20;
  constexpr std::size_t line_bytes = 64;
  bool const is_large = num_bytes >= huge_page_bytes;
  auto const unit = is_large ? huge_page_bytes : line_bytes;
  auto const size = (num_bytes + unit - 1) / unit * unit;
  if (size < num_bytes) throw std::bad_alloc();
  LargeMemory memory(static_cast<std::byte*>(
      std::aligned_alloc(unit, size > 0 ? size : unit)));
  if (!memory) throw std::bad_alloc();
  // Only a wish: where it is refused, pages are small.
  if (is_large) (void)::madvise(memory.get(), size, MADV_HUGEPAGE);
  return memory;
}

}  // namespace gasm
