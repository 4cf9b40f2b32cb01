// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "gasm/base/error.hpp"

namespace gasm {

/// The bytes of a pickle, taken from the front. Throws where they are cut off.
class PickleBytes {
 public:
  explicit PickleBytes(std::span<std::byte const> bytes) : bytes_(bytes) {}

  std::size_t position() const { return at_; }
  bool at_end() const { return at_ == bytes_.size(); }

  std::span<std::byte const> take(std::uint64_t num) {
    if (num > bytes_.size() - at_) throw error("it is cut off");
    auto const taken = bytes_.subspan(at_, num);
    at_ += num;
    return taken;
  }
  /// Little-endian.
  template <class T>
  T number() {
    T value{};
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string text(std::uint64_t num) {
    auto const taken = take(num);
    return {reinterpret_cast<char const*>(taken.data()), taken.size()};
  }
  /// To the next line feed, which is taken too.
  std::string line() {
    constexpr std::size_t max_bytes = 1000;
    for (auto end = at_; end < bytes_.size() && end - at_ < max_bytes; ++end)
      if (bytes_[end] == std::byte{'\n'}) {
        auto found = text(end - at_);
        ++at_;
        return found;
      }
    throw error("a name has no end");
  }

 private:
  std::span<std::byte const> bytes_;
  std::size_t at_ = 0;
};

}  // namespace gasm
