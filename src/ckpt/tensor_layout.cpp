// SPDX-License-Identifier: Apache-2.0
#include "tensor_layout.hpp"

#include <algorithm>

namespace gasm {
namespace {

constexpr std::size_t max_sizes = 64;
constexpr std::uint64_t max_elements = std::uint64_t{1} << 60;

}  // namespace

std::optional<std::uint64_t> count_elements(
    std::span<std::int64_t const> sizes) {
  if (sizes.size() > max_sizes) return std::nullopt;
  // Without the zeros: torch multiplies the others to strides.
  std::uint64_t largest = 1;
  bool is_empty = false;
  for (auto const size : sizes) {
    if (size < 0) return std::nullopt;
    is_empty |= size == 0;
    if (size > 0 && __builtin_mul_overflow(
                        largest, static_cast<std::uint64_t>(size), &largest))
      return std::nullopt;
    if (largest > max_elements) return std::nullopt;
  }
  return is_empty ? 0 : largest;
}

char const* find_layout_fault(TensorLayout const& layout,
                              std::uint64_t num_stored) {
  if (layout.sizes.size() != layout.strides.size())
    return "has not one stride for each size";
  auto const num = count_elements(layout.sizes);
  if (!num) return "has sizes that no tensor has";
  if (layout.offset < 0 ||
      std::ranges::any_of(layout.strides, [](auto s) { return s < 0; }))
    return "has a negative stride or offset";
  if (*num == 0) return nullptr;
  auto last = static_cast<std::uint64_t>(layout.offset);
  for (std::size_t i = 0; i < layout.sizes.size(); ++i) {
    std::uint64_t step = 0;
    if (__builtin_mul_overflow(static_cast<std::uint64_t>(layout.sizes[i] - 1),
                               static_cast<std::uint64_t>(layout.strides[i]),
                               &step) ||
        __builtin_add_overflow(last, step, &last))
      return "leaves its storage";
  }
  return last < num_stored ? nullptr : "leaves its storage";
}

bool is_whole_storage(TensorLayout const& layout, std::uint64_t num_stored) {
  if (layout.offset != 0 || count_elements(layout.sizes) != num_stored)
    return false;
  std::int64_t wanted = 1;
  for (auto i = layout.sizes.size(); i-- > 0;) {
    if (layout.sizes[i] != 1 && layout.strides[i] != wanted) return false;
    wanted *= layout.sizes[i];
  }
  return true;
}

bool are_booleans(std::span<std::byte const> bytes) {
  return std::ranges::all_of(bytes, [](auto b) { return b <= std::byte{1}; });
}

}  // namespace gasm
