// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/ScalarType.h>

#include <optional>
#include <string_view>

namespace gasm {

/// The name that safetensors has for a type, "F32"; null if it has none.
char const* element_type_name(at::ScalarType type);

/// The type that safetensors calls so.
std::optional<at::ScalarType> find_element_type(std::string_view name);

}  // namespace gasm
