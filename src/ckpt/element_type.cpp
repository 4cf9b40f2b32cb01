// SPDX-License-Identifier: Apache-2.0
#include "gasm/ckpt/element_type.hpp"

#include <array>

namespace gasm {
namespace {

struct TypeName {
  char const* name;
  at::ScalarType type;
};

constexpr std::array kTypes = {
    TypeName{"BOOL", at::kBool},     TypeName{"U8", at::kByte},
    TypeName{"I8", at::kChar},       TypeName{"I16", at::kShort},
    TypeName{"U16", at::kUInt16},    TypeName{"F16", at::kHalf},
    TypeName{"BF16", at::kBFloat16}, TypeName{"I32", at::kInt},
    TypeName{"U32", at::kUInt32},    TypeName{"F32", at::kFloat},
    TypeName{"I64", at::kLong},      TypeName{"U64", at::kUInt64},
    TypeName{"F64", at::kDouble},
};

}  // namespace

char const* element_type_name(at::ScalarType type) {
  for (auto const& known : kTypes)
    if (known.type == type) return known.name;
  return nullptr;
}

std::optional<at::ScalarType> find_element_type(std::string_view name) {
  for (auto const& known : kTypes)
    if (known.name == name) return known.type;
  return std::nullopt;
}

}  // namespace gasm
