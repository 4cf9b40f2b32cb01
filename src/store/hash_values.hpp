// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <span>
#include <string>

#include "gasm/base/hash.hpp"

namespace gasm {

static_assert(std::endian::native == std::endian::little,
              "hashes and files are defined on little-endian values");

template <class T>
void add_value(Xxh64& hash, T const& value) {
  hash.update(std::as_bytes(std::span(&value, 1)));
}

inline void add_text(Xxh64& hash, std::string const& text) {
  // c_str() ends in the zero byte that separates neighbours.
  hash.update(std::as_bytes(std::span(text.c_str(), text.size() + 1)));
}

}  // namespace gasm
