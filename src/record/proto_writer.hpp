// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gasm::record_detail {

/// Encodes one protobuf message, field by field, by their numbers. Wire
/// format: a field is a varint (number * 8 + wire type) and its value;
/// https://protobuf.dev/programming-guides/encoding/.
class ProtoWriter {
 public:
  void add_integer(int number, std::int64_t value) {
    add_key(number, 0);
    add_varint(static_cast<std::uint64_t>(value));
  }

  void add_double(int number, double value) {
    add_key(number, 1);
    add_fixed(std::bit_cast<std::uint64_t>(value), 8);
  }

  void add_float(int number, float value) {
    add_key(number, 5);
    add_fixed(std::bit_cast<std::uint32_t>(value), 4);
  }

  /// A string, bytes, or a message that another writer encoded.
  void add_bytes(int number, std::string_view value) {
    add_key(number, 2);
    add_varint(value.size());
    bytes_.append(value);
  }

  void add_packed(int number, std::span<double const> values) {
    add_key(number, 2);
    add_varint(8 * values.size());
    for (double const value : values)
      add_fixed(std::bit_cast<std::uint64_t>(value), 8);
  }

  std::string const& bytes() const { return bytes_; }

 private:
  void add_key(int number, unsigned wire_type) {
    add_varint((static_cast<std::uint64_t>(number) << 3) | wire_type);
  }

  void add_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      bytes_ += static_cast<char>((value & 0x7f) | 0x80);
    bytes_ += static_cast<char>(value);
  }

  void add_fixed(std::uint64_t value, int num_bytes) {
    for (int i = 0; i < num_bytes; ++i)
      bytes_ += static_cast<char>((value >> (8 * i)) & 0xff);
  }

  std::string bytes_;
};

}  // namespace gasm::record_detail
