// SPDX-License-Identifier: Apache-2.0
#include "video_folder.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <tuple>
#include <vector>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

constexpr std::array<std::string_view, 20> video_extensions = {
    ".3gp", ".asf", ".avi",  ".flv", ".m4v", ".mkv", ".mov",
    ".mp4", ".mpg", ".mpeg", ".mts", ".ogg", ".ogv", ".ts",
    ".vob", ".wmv", ".webm", ".y4m", ".nut", ".ivf"};

bool is_number(std::string const& id) {
  return !id.empty() &&
         std::ranges::all_of(id, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool is_video_name(std::filesystem::path const& name) {
  auto extension = name.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return std::ranges::find(video_extensions, extension) !=
             video_extensions.end() &&
         !name.string().starts_with('.');
}

std::string joined_video_names(std::filesystem::path const& folder) {
  std::error_code why;
  std::filesystem::directory_iterator entry(folder, why);
  std::vector<std::string> names;
  for (; !why && entry != std::filesystem::directory_iterator();
       entry.increment(why)) {
    auto const name = entry->path().filename();
    if (is_video_name(name)) names.push_back(name.string());
  }
  if (why)
    throw error("cannot read the video folder {} ({})", folder.string(),
                why.message());
  std::ranges::sort(names);
  std::string joined;
  for (auto const& name : names) joined += name + '/';
  return joined;
}

std::string video_id(std::filesystem::path const& name) {
  return name.stem().string();
}

bool starts_like_webm(std::span<std::byte const> bytes) {
  constexpr std::array magic = {std::byte{0x1A}, std::byte{0x45},
                                std::byte{0xDF}, std::byte{0xA3}};
  return bytes.size() >= magic.size() &&
         std::ranges::equal(bytes.first(magic.size()), magic);
}

bool id_less(std::string const& a, std::string const& b) {
  bool const a_is_number = is_number(a);
  bool const b_is_number = is_number(b);
  if (a_is_number != b_is_number) return a_is_number;
  if (!a_is_number) return a < b;
  auto const digits = [](std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
    return text;
  };
  auto const x = digits(a);
  auto const y = digits(b);
  return std::tuple(x.size(), x, a) < std::tuple(y.size(), y, b);
}

}  // namespace gasm
