// SPDX-License-Identifier: Apache-2.0
#include "gasm/archive/archive_parts.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <map>
#include <optional>

namespace gasm {
namespace {

namespace fs = std::filesystem;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Length of the stem of "STEM-NN"; none for another name.
std::optional<std::size_t> stem_length(std::string const& name) {
  auto const size = name.size();
  if (size < 4 || name[size - 3] != '-' || !is_digit(name[size - 2]) ||
      !is_digit(name[size - 1]) || name.starts_with('.'))
    return std::nullopt;
  return size - 3;
}

std::string part_name(ArchiveParts const& parts, int number) {
  return fmt::format("{}-{:02}", parts.stem, number);
}

/// The first bytes of a file; fewer if it has no more or cannot be read.
std::string first_bytes(fs::path const& path, std::size_t num) {
  std::string bytes(num, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(num));
  bytes.resize(
      static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return bytes;
}

/// What a file that is no gzip file looks like, as "; it looks like ...".
std::string likeness(fs::path const& path) {
  auto const start = first_bytes(path, 262);
  auto const text = start.substr(0, start.find_first_of("\r\n"));
  if (text.starts_with('<')) return "; it looks like a web page";
  if (start.starts_with("PK")) return "; it looks like a zip archive";
  if (start.size() > 261 && start.substr(257, 5) == "ustar")
    return "; it looks like a tar archive that is not compressed";
  return "";
}

Result<ArchiveParts> single_file(fs::path const& path) {
  ArchiveParts found;
  found.stem = path.filename().string();
  std::error_code why;
  found.parts.push_back({path, 0, fs::file_size(path, why)});
  if (why) return failure("cannot read {} ({})", path.string(), why.message());
  return found;
}

/// Names of the files in a folder.
Result<std::vector<std::string>> file_names(fs::path const& folder) {
  std::error_code why;
  std::vector<std::string> names;
  fs::directory_iterator entry(folder, why);
  for (; !why && entry != fs::directory_iterator(); entry.increment(why))
    if (!entry->is_directory())
      names.push_back(entry->path().filename().string());
  if (why)
    return failure("cannot read the folder {} ({})", folder.string(),
                   why.message());
  std::ranges::sort(names);
  return names;
}

}  // namespace

std::uint64_t ArchiveParts::num_bytes() const {
  std::uint64_t sum = 0;
  for (auto const& part : parts) sum += part.num_bytes;
  return sum;
}

Result<ArchiveParts> find_parts(fs::path const& place) {
  std::error_code ignored;
  if (fs::is_regular_file(place, ignored)) return single_file(place);
  auto const names = file_names(place);
  if (!names) return tl::unexpected(names.error());
  std::map<std::string, std::vector<std::string>> stems;
  for (auto const& name : *names)
    if (auto const length = stem_length(name))
      stems[name.substr(0, *length)].push_back(name);
  if (stems.empty())
    return failure(
        "{} holds no parts of an archive (names that end in -00, -01, ...). "
        "Try the folder of the downloaded files, or one file",
        place.string());
  if (stems.size() > 1)
    return failure(
        "{} holds parts of several archives ({} and {}). Try a folder for each",
        place.string(), stems.begin()->second.front(),
        std::next(stems.begin())->second.front());
  ArchiveParts found;
  found.stem = stems.begin()->first;
  for (auto const& name : stems.begin()->second) {
    std::error_code why;
    auto const path = place / name;
    auto const size = fs::file_size(path, why);
    if (why)
      return failure("cannot read {} ({})", path.string(), why.message());
    found.parts.push_back(
        {path, std::stoi(name.substr(name.size() - 2)), size});
  }
  for (auto const& name : *names)
    if (!stem_length(name) && name.starts_with(found.stem))
      found.strangers.push_back(name);
  return found;
}

bool starts_like_gzip(fs::path const& path) {
  // The third byte is the method: 8, deflate, is the only one there is.
  return first_bytes(path, 3) == "\x1f\x8b\x08";
}

std::vector<std::string> find_part_problems(ArchiveParts const& found) {
  std::vector<std::string> problems;
  int next = found.parts.size() == 1 ? found.parts.front().number : 0;
  if (next > 0 && !starts_like_gzip(found.parts.front().path)) next = 0;
  for (auto const& part : found.parts) {
    for (; next < part.number; ++next)
      problems.push_back(fmt::format("{} is missing. Try to fetch it",
                                     part_name(found, next)));
    ++next;
    if (part.num_bytes == 0)
      problems.push_back(
          fmt::format("{} is empty. Try to fetch it again", part.name()));
  }
  auto const& first = found.parts.front();
  bool const is_first_there = first.num_bytes > 0 && problems.empty();
  if (!is_first_there || starts_like_gzip(first.path)) return problems;
  auto const start = std::ranges::find_if(
      found.parts,
      [](ArchivePart const& part) { return starts_like_gzip(part.path); });
  if (start != found.parts.end())
    problems.push_back(fmt::format(
        "{} does not begin the archive, but {} does (misnamed, or in the wrong "
        "order). Try to rename them, or fetch both again",
        first.name(), start->name()));
  else
    problems.push_back(
        fmt::format("{} is no gzip file{}. Try to fetch it again", first.name(),
                    likeness(first.path)));
  return problems;
}

}  // namespace gasm
