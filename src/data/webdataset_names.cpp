// SPDX-License-Identifier: Apache-2.0
#include "webdataset_names.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "video_folder.hpp"

namespace gasm {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  char const* extension;
};

constexpr std::array kMagics = {
    Magic{4, "ftypqt  "sv, "mov"},
    Magic{4, "ftyp"sv, "mp4"},
    Magic{8, "AVI "sv, "avi"},
    Magic{0, "FLV"sv, "flv"},
    Magic{0, "OggS"sv, "ogv"},
    Magic{0, "DKIF"sv, "ivf"},
    Magic{0, "YUV4MPEG2"sv, "y4m"},
    Magic{0, "nut/multimedia container"sv, "nut"},
    Magic{0, "\x30\x26\xB2\x75\x8E\x66\xCF\x11"sv, "wmv"},
    Magic{0, "\x00\x00\x01\xBA"sv, "mpg"},
    Magic{188, "\x47"sv, "ts"},
};

}  // namespace

std::filesystem::path ShardPattern::shard(std::int64_t index) const {
  return fmt::format("{}{:0{}}{}", before, index, num_digits, after);
}

Result<ShardPattern> parse_shard_pattern(std::string const& text) {
  auto const bad = [&](char const* why) {
    return failure(
        "{} is no pattern of shards ({}). Try a name such as "
        "train-%06d.tar",
        text, why);
  };
  auto const start = text.find('%');
  if (start == std::string::npos) return bad("it has no %06d");
  auto const end = text.find('d', start);
  if (end == std::string::npos || text.find('%', start + 1) != text.npos)
    return bad("it wants one %06d, or %d");
  auto const digits = text.substr(start + 1, end - start - 1);
  bool const is_plain = digits.empty();
  bool const is_padded = digits.size() == 2 && digits[0] == '0' &&
                         digits[1] >= '1' && digits[1] <= '9';
  if (!is_plain && !is_padded) return bad("it wants %01d to %09d, or %d");
  if (!text.ends_with(".tar")) return bad("it does not end in .tar");
  if (text.find('/', end) != std::string::npos)
    return bad("the number stands in the name of a folder");
  return ShardPattern{text.substr(0, start), is_plain ? 1 : digits[1] - '0',
                      text.substr(end + 1)};
}

FieldName split_field_name(std::string const& member) {
  auto const slash = member.rfind('/');
  auto const name = slash == std::string::npos ? 0 : slash + 1;
  auto const dot = member.find('.', name);
  if (dot == std::string::npos || dot == name) return {};
  return {member.substr(0, dot), member.substr(dot + 1)};
}

std::string sample_key(std::string const& id) {
  auto key = id;
  std::ranges::replace(key, '.', '_');
  return key;
}

std::string video_extension(std::span<std::byte const> bytes) {
  std::string_view const text(reinterpret_cast<char const*>(bytes.data()),
                              bytes.size());
  if (starts_like_webm(bytes)) {
    // The document type stands in the first element, within its header.
    constexpr std::size_t max_header = 64;
    bool const is_mkv =
        text.substr(0, max_header).find("matroska") != text.npos;
    return is_mkv ? "mkv" : "webm";
  }
  for (auto const& magic : kMagics)
    if (text.size() > magic.offset &&
        text.substr(magic.offset).starts_with(magic.bytes))
      return magic.extension;
  return "";
}

}  // namespace gasm
