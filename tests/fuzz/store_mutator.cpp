// SPDX-License-Identifier: Apache-2.0
// HDF5's metadata carry checksums, which no blind change survives. Half of the
// inputs get theirs recomputed, so that what lies behind them is tested, too.
// HDF5 File Format Specification Version 3.0: superblock (II.A), object
// header prefix of version 2 (IV.A.1.b), version 2 B-tree header (III.A.2),
// fractal heap header (III.G).
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size,
                                        std::size_t max_size);

namespace {

/// Bob Jenkins' lookup3, hashlittle(), with an initial value of 0.
std::uint32_t lookup3(std::uint8_t const* bytes, std::size_t size) {
  using std::rotl;
  std::uint32_t a = 0xdeadbeef + static_cast<std::uint32_t>(size);
  std::uint32_t b = a;
  std::uint32_t c = a;
  auto const word = [&](std::size_t at) {
    std::uint32_t value = 0;
    if (at < size)
      std::memcpy(&value, bytes + at, std::min<std::size_t>(4, size - at));
    return value;
  };
  std::size_t at = 0;
  for (; size - at > 12; at += 12) {
    a += word(at), b += word(at + 4), c += word(at + 8);
    a -= c, a ^= rotl(c, 4), c += b;
    b -= a, b ^= rotl(a, 6), a += c;
    c -= b, c ^= rotl(b, 8), b += a;
    a -= c, a ^= rotl(c, 16), c += b;
    b -= a, b ^= rotl(a, 19), a += c;
    c -= b, c ^= rotl(b, 4), b += a;
  }
  if (at == size) return c;
  a += word(at), b += word(at + 4), c += word(at + 8);
  c ^= b, c -= rotl(b, 14);
  a ^= c, a -= rotl(c, 11);
  b ^= a, b -= rotl(a, 25);
  c ^= b, c -= rotl(b, 16);
  a ^= c, a -= rotl(c, 4);
  b ^= a, b -= rotl(a, 14);
  c ^= b, c -= rotl(b, 24);
  return c;
}

/// Recomputes the checksum that follows `length` bytes.
void seal(std::uint8_t* start, std::size_t length, std::size_t room) {
  if (length + 4 > room) return;
  auto const sum = lookup3(start, length);
  std::memcpy(start + length, &sum, 4);
}

void seal_object_header(std::uint8_t* start, std::size_t room) {
  if (room < 48) return;
  auto const flags = start[5];
  std::size_t at = 6u + ((flags & 0x20) ? 16 : 0) + ((flags & 0x10) ? 4 : 0);
  std::uint64_t chunk_bytes = 0;
  std::memcpy(&chunk_bytes, start + at, std::size_t{1} << (flags & 3));
  at += std::size_t{1} << (flags & 3);
  if (chunk_bytes < room) seal(start, at + chunk_bytes, room);
}

void seal_all(std::uint8_t* data, std::size_t size) {
  if (size >= 48) seal(data, 44, size);
  for (std::size_t at = 0; at + 4 <= size; ++at) {
    std::string_view const mark(reinterpret_cast<char const*>(data + at), 4);
    if (mark == "OHDR") seal_object_header(data + at, size - at);
    if (mark == "BTHD") seal(data + at, 34, size - at);
    if (mark == "FRHP") seal(data + at, 142, size - at);
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data,
                                               std::size_t size,
                                               std::size_t max_size,
                                               unsigned seed) {
  auto const new_size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 2 == 0) seal_all(data, new_size);
  return new_size;
}
