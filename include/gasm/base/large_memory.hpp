// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace gasm {

struct FreeMemory {
  void operator()(std::byte* start) const { std::free(start); }
};
using LargeMemory = std::unique_ptr<std::byte[], FreeMemory>;

/// Memory of a size that is read or received into as a whole, not
/// initialised. From 2 MiB on it is made of huge pages where the system has
/// them: clearing 4 KiB at a time takes longer than reading a file that is in
/// the page cache. Throws std::bad_alloc if there is not so much.
LargeMemory allocate_large(std::size_t num_bytes);

}  // namespace gasm
