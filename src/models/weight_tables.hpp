// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "gasm/models/weight_names.hpp"

namespace gasm {

enum class NameChange {
  rename,
  drop,       ///< no part of the backbone
  qkv,        ///< thirds along the rows, to q_proj, k_proj and v_proj at `{}`
  qv,         ///< the same without k, whose bias is always zero
  kv,         ///< halves along the rows, to k and v at `{}`
  as_table,   ///< [.., D] to [1, N, D]
  check_nan,  ///< dropped, but a NaN in it is an error
};

/// One line of a table. In `from`, `#` stands for a number, `@` for the rest
/// of the name; what they met takes their places in `to`.
struct NameRule {
  std::string_view from;
  std::string_view to;
  NameChange change = NameChange::rename;
};

struct WeightNaming {
  std::string_view name;
  WeightOrigin origin;
  std::string_view signature;  ///< a pattern that some name of the file meets
  std::vector<std::string_view> prefixes;  ///< taken off wherever they are
  std::vector<NameRule> rules;
  /// Zero biases that the file leaves out are filled in.
  bool has_implied_biases = false;
};

std::span<WeightNaming const> namings_of(BackboneKind kind);
/// Of a whole CAST, both its transformers and what is between them.
std::span<WeightNaming const> cast_namings();

}  // namespace gasm
