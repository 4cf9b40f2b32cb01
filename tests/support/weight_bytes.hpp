// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace gasm {

/// Weights made by hand, byte by byte, as the formats say: intact ones, and
/// those that no library would write.

template <class T>
std::string number_bytes(T number) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &number, sizeof(T));
  return bytes;
}

inline std::uint32_t crc32_of(std::string const& bytes) {
  std::uint32_t sum = 0xFFFFFFFF;
  for (char const c : bytes) {
    sum ^= static_cast<std::uint8_t>(c);
    for (int i = 0; i < 8; ++i)
      sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0xEDB88320U : 0U);
  }
  return ~sum;
}

struct ZipPart {
  std::string name;
  std::string bytes;
  std::uint16_t method = 0;
  std::uint16_t flags = 0;
  std::uint32_t crc_change = 0;  ///< 0: the right checksum
};

enum class ZipKind { plain, zip64 };

/// A zip archive (APPNOTE.TXT 6.3): members, directory, end.
inline std::string zip_bytes(std::vector<ZipPart> const& parts,
                             ZipKind kind = ZipKind::plain) {
  std::string all;
  std::string directory;
  bool const is_64 = kind == ZipKind::zip64;
  using u16 = std::uint16_t;
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;
  for (auto const& [name, bytes, method, flags, crc_change] : parts) {
    u64 const start = all.size();
    auto const crc = number_bytes(crc32_of(bytes) ^ crc_change);
    auto const size = number_bytes(is_64 ? 0xFFFFFFFF : u32(bytes.size()));
    std::string const extra =
        !is_64 ? ""
               : number_bytes(u16{1}) + number_bytes(u16{24}) +
                     number_bytes(u64{bytes.size()}) +
                     number_bytes(u64{bytes.size()}) + number_bytes(start);
    auto const common = number_bytes(flags) + number_bytes(method) +
                        number_bytes(u32{0}) + crc + size + size +
                        number_bytes(u16(name.size()));
    all += "PK\x03\x04" + number_bytes(u16{20}) + common +
           number_bytes(u16{0}) + name + bytes;
    directory += "PK\x01\x02" + number_bytes(u32{20 << 16}) + common +
                 number_bytes(u16(extra.size())) + std::string(10, '\0') +
                 number_bytes(is_64 ? 0xFFFFFFFF : u32(start)) + name + extra;
  }
  u64 const start = all.size();
  u64 const num = parts.size();
  all += directory;
  if (is_64) {
    u64 const end = all.size();
    all += "PK\x06\x06" + number_bytes(u64{44}) + std::string(12, '\0') +
           number_bytes(num) + number_bytes(num) +
           number_bytes(u64{directory.size()}) + number_bytes(start);
    all += "PK\x06\x07" + number_bytes(u32{0}) + number_bytes(end) +
           number_bytes(u32{1});
  }
  auto const short_num = number_bytes(is_64 ? u16{0xFFFF} : u16(num));
  return all + "PK\x05\x06" + number_bytes(u32{0}) + short_num + short_num +
         number_bytes(u32(directory.size())) +
         number_bytes(is_64 ? 0xFFFFFFFF : u32(start)) + number_bytes(u16{0});
}

/// Pieces of a pickle, as Python's pickletools describes the opcodes.
namespace pickled {

inline std::string text(std::string const& text) {
  return "X" + number_bytes(std::uint32_t(text.size())) + text;
}
inline std::string integer(std::int32_t number) {
  return "J" + number_bytes(number);
}
inline std::string long_integer(std::int64_t number) {
  return "\x8a\x08" + number_bytes(number);
}
inline std::string global(std::string const& module, std::string const& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(std::vector<std::string> const& items) {
  std::string all = "(";
  for (auto const& item : items) all += item;
  return all + "t";
}
inline std::string numbers(std::vector<std::int64_t> const& numbers) {
  std::string all = "(";
  for (auto const number : numbers) all += long_integer(number);
  return all + "t";
}
/// {name: value, ...} of pieces in turn.
inline std::string dict(std::vector<std::string> const& items) {
  std::string all = "}(";
  for (auto const& item : items) all += item;
  return all + "u";
}
inline std::string whole(std::string const& value) {
  return "\x80\x02" + value + ".";
}

struct SavedTensor {
  std::string key = "0";
  std::string storage = "FloatStorage";
  std::int64_t num_stored = 6;
  std::int64_t offset = 0;
  std::vector<std::int64_t> sizes = {2, 3};
  std::vector<std::int64_t> strides = {3, 1};
};

inline std::string tensor(SavedTensor const& t = {}) {
  auto const storage =
      tuple({text("storage"), global("torch", t.storage), text(t.key),
             text("cpu"), long_integer(t.num_stored)}) +
      "Q";
  return global("torch._utils", "_rebuild_tensor_v2") +
         tuple({storage, long_integer(t.offset), numbers(t.sizes),
                numbers(t.strides), "\x89",
                global("collections", "OrderedDict") + ")R"}) +
         "R";
}

}  // namespace pickled

/// A file of torch.save with this data.pkl and these storages "0", "1", ...
inline std::string torch_archive(std::string const& pickle,
                                 std::vector<std::string> const& storages,
                                 std::vector<ZipPart> const& more = {}) {
  std::vector<ZipPart> parts{{.name = "x/data.pkl", .bytes = pickle}};
  for (std::size_t i = 0; i < storages.size(); ++i)
    parts.push_back(
        {.name = "x/data/" + std::to_string(i), .bytes = storages[i]});
  parts.insert(parts.end(), more.begin(), more.end());
  return zip_bytes(parts);
}

/// A safetensors file with this header and data.
inline std::string safetensors_bytes(std::string const& header,
                                     std::string const& data) {
  return number_bytes(std::uint64_t{header.size()}) + header + data;
}

}  // namespace gasm
