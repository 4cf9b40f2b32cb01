// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gasm/base/result.hpp"

namespace gasm {

/// XXH64 with seed 0, the checksum of every file and sample we write.
std::uint64_t xxh64(std::span<std::byte const> bytes);
std::uint64_t xxh64(std::string_view text);

/// XXH64 of bytes that arrive in pieces.
class Xxh64 {
 public:
  Xxh64();
  ~Xxh64();
  Xxh64(Xxh64&&) noexcept;
  Xxh64& operator=(Xxh64&&) noexcept;

  void update(std::span<std::byte const> bytes);
  std::uint64_t digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// XXH64 of a whole file.
Result<std::uint64_t> xxh64_file(std::filesystem::path const& path);

/// 16 lower-case hexadecimal digits, as the xxh64sum tool prints.
std::string to_hex(std::uint64_t value);

}  // namespace gasm
