// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tl/expected.hpp>
#include <utility>

#include "gasm/base/error.hpp"

namespace gasm {

/// A value, or why there is none: for failures that are local and expected
/// (a corrupt video, a missing file), which the caller counts or passes on.
template <class T>
using Result = tl::expected<T, Error>;

/// A Result that holds an error: `return failure("{} is empty", path);`.
template <class... Args>
tl::unexpected<Error> failure(fmt::format_string<Args...> text,
                              Args&&... args) {
  return tl::unexpected<Error>(error(text, std::forward<Args>(args)...));
}

/// The value of a Result, or its error thrown.
template <class T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::move(result.error());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace gasm
