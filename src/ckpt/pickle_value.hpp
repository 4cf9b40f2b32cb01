// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tensor_layout.hpp"

namespace gasm {

enum class PickleKind {
  none,
  boolean,
  integer,
  real,
  text,
  bytes,
  tuple,
  list,
  dict,
  set,
  global,   ///< a name: "torch.FloatStorage"
  object,   ///< of a class of plain data or of TorchScript
  storage,  ///< of an archive, by its key
  tensor,
  opaque,  ///< harmless and of no use here: a device, a numpy number
};

/// With an article: "a tuple".
char const* name_of(PickleKind kind);

/// What a pickle describes. Values may be shared and may form circles, so they
/// are owned by the Pickle, never by each other, and whoever descends into
/// them needs a limit.
struct PickleValue {
  PickleKind kind = PickleKind::none;
  at::ScalarType type = at::kByte;  ///< of a storage or tensor
  std::int64_t number = 0;          ///< boolean, integer; elements of a storage
  double real = 0.0;
  /// Text, bytes, the name of a global, an object's class or something opaque,
  /// the key of a storage.
  std::string text;
  /// Of tuples, lists, sets; of dicts and objects keys and values in turn; of
  /// a tensor its storage.
  std::vector<PickleValue*> items;
  std::unique_ptr<TensorLayout> layout;  ///< of a tensor

  bool is(PickleKind wanted) const { return kind == wanted; }
  bool has_names() const {
    return kind == PickleKind::dict || kind == PickleKind::object;
  }
};

struct Pickle {
  std::deque<PickleValue> values;
  PickleValue const* root = nullptr;
};

/// Printable ASCII, shortened: what a file says, fit for a message.
std::string printable(std::string_view text);

}  // namespace gasm
