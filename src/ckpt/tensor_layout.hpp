// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/ScalarType.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace gasm {

/// As a file says a tensor lies in a run of elements; nothing in it is
/// believed.
struct TensorLayout {
  at::ScalarType type = at::kFloat;
  std::int64_t offset = 0;  ///< in elements
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;  ///< in elements
};

/// Elements of a tensor of these sizes. None if a size is negative, if there
/// are more than 64, or if it, or one of the strides that torch computes from
/// it, passes 2^60.
std::optional<std::uint64_t> count_elements(
    std::span<std::int64_t const> sizes);

/// Why the layout makes no sense in a storage of so many elements; null if it
/// does.
char const* find_layout_fault(TensorLayout const& layout,
                              std::uint64_t num_stored);

/// Does the tensor cover all of the storage, row-major?
bool is_whole_storage(TensorLayout const& layout, std::uint64_t num_stored);

/// Are all bytes 0 or 1, as those of bool must be?
bool are_booleans(std::span<std::byte const> bytes);

}  // namespace gasm
