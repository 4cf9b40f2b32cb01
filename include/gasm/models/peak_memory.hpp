// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace gasm {

/// Bytes of tensors on the CPU that `run` allocates in this thread and holds
/// at once, at most, beyond those that were there before: exact, and free of
/// what the allocator or other parts of the process keep.
std::int64_t peak_tensor_bytes(std::function<void()> const& run);

}  // namespace gasm
