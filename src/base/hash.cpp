// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/hash.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <cerrno>
#include <cstdio>
#include <vector>

namespace gasm {

struct Xxh64::State {
  struct Free {
    void operator()(XXH64_state_t* state) const { XXH64_freeState(state); }
  };
  std::unique_ptr<XXH64_state_t, Free> hash{XXH64_createState()};
};

std::uint64_t xxh64(std::span<std::byte const> bytes) {
  return XXH64(bytes.data(), bytes.size(), 0);
}

std::uint64_t xxh64(std::string_view text) {
  return xxh64(std::as_bytes(std::span(text)));
}

Xxh64::Xxh64() : state_(std::make_unique<State>()) {
  XXH64_reset(state_->hash.get(), 0);
}
Xxh64::~Xxh64() = default;
Xxh64::Xxh64(Xxh64&&) noexcept = default;
Xxh64& Xxh64::operator=(Xxh64&&) noexcept = default;

void Xxh64::update(std::span<std::byte const> bytes) {
  XXH64_update(state_->hash.get(), bytes.data(), bytes.size());
}

std::uint64_t Xxh64::digest() const { return XXH64_digest(state_->hash.get()); }

Result<std::uint64_t> xxh64_file(std::filesystem::path const& path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file)
    return failure("cannot read {} ({})", path.string(), errno_text(errno));
  std::vector<std::byte> block(1 << 20);
  Xxh64 hash;
  while (auto const num = std::fread(block.data(), 1, block.size(), file.get()))
    hash.update(std::span(block).first(num));
  if (std::ferror(file.get()))
    return failure("cannot read {} ({})", path.string(), errno_text(errno));
  return hash.digest();
}

std::string to_hex(std::uint64_t value) {
  return fmt::format("{:016x}", value);
}

}  // namespace gasm
