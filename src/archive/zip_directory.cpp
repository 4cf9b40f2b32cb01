// SPDX-License-Identifier: Apache-2.0
#include "zip_directory.hpp"

#include <algorithm>
#include <vector>

namespace gasm {
namespace {

using Bytes = std::span<std::byte const>;

constexpr std::uint32_t entry_mark = 0x02014b50;
constexpr std::uint32_t end_mark = 0x06054b50;
constexpr std::uint32_t end64_mark = 0x06064b50;
constexpr std::uint32_t locator_mark = 0x07064b50;
constexpr std::size_t entry_bytes = 46;
constexpr std::size_t end_bytes = 22;
constexpr std::size_t end64_bytes = 56;
constexpr std::size_t locator_bytes = 20;
constexpr std::size_t max_comment_bytes = 0xFFFF;
constexpr std::uint32_t in_zip64 = 0xFFFFFFFF;

/// Far more than any model has tensors.
constexpr std::uint64_t max_directory_bytes = std::uint64_t{1} << 26;

/// What the end of the archive says of its directory.
struct Summary {
  std::uint64_t num_entries = 0;
  std::uint64_t num_bytes = 0;
  std::uint64_t start = 0;
  std::uint64_t end = 0;  ///< where the structures after it begin
};

std::vector<std::byte> bytes_of(PlacedReader const& file, std::uint64_t start,
                                std::uint64_t num) {
  std::vector<std::byte> bytes(num);
  value_or_throw(file.read(start, bytes));
  return bytes;
}

Summary read_end64(PlacedReader const& file, Bytes locator) {
  auto const start = zip_number<std::uint64_t>(locator, 8);
  if (start > file.size_bytes() || file.size_bytes() - start < end64_bytes)
    throw error("its ZIP64 directory is said to lie outside of the file");
  auto const end = bytes_of(file, start, end64_bytes);
  if (zip_number<std::uint32_t>(end, 0) != end64_mark)
    throw error("there is no ZIP64 directory where it is said to lie");
  return {zip_number<std::uint64_t>(end, 32),
          zip_number<std::uint64_t>(end, 40),
          zip_number<std::uint64_t>(end, 48), start};
}

/// The old fields hold the number or the mark that says "see ZIP64".
template <class T>
void check_same(T old, std::uint64_t number) {
  if (old != static_cast<T>(-1) && old != number)
    throw error("its two directories contradict each other");
}

Summary read_summary(PlacedReader const& file) {
  auto const size = file.size_bytes();
  if (size < end_bytes) throw error("it has {} bytes", size);
  auto const tail_bytes = std::min<std::uint64_t>(
      size, end_bytes + max_comment_bytes + locator_bytes);
  auto const tail = bytes_of(file, size - tail_bytes, tail_bytes);
  auto at = tail.size() - end_bytes;
  for (;; --at) {
    if (zip_number<std::uint32_t>(tail, at) == end_mark &&
        at + end_bytes + zip_number<std::uint16_t>(tail, at + 20) ==
            tail.size())
      break;
    if (at == 0) throw error("it has no directory at its end: was it cut off?");
  }
  auto const end = Bytes(tail).subspan(at);
  if (zip_number<std::uint16_t>(end, 4) != 0)
    throw error("it is one of several parts");
  Summary old{zip_number<std::uint16_t>(end, 10),
              zip_number<std::uint32_t>(end, 12),
              zip_number<std::uint32_t>(end, 16), size - tail.size() + at};
  if (at < locator_bytes) return old;
  auto const locator = Bytes(tail).subspan(at - locator_bytes, locator_bytes);
  if (zip_number<std::uint32_t>(locator, 0) != locator_mark) return old;
  auto const summary = read_end64(file, locator);
  check_same(zip_number<std::uint16_t>(end, 10), summary.num_entries);
  check_same(zip_number<std::uint32_t>(end, 12), summary.num_bytes);
  check_same(zip_number<std::uint32_t>(end, 16), summary.start);
  return summary;
}

/// Replaces what did not fit into 32 bits, in the order of the format.
void read_zip64_fields(Bytes extra, std::string const& name,
                       std::span<std::uint64_t* const> wanted) {
  for (std::size_t at = 0; at + 4 <= extra.size();) {
    auto const kind = zip_number<std::uint16_t>(extra, at);
    std::size_t const size = zip_number<std::uint16_t>(extra, at + 2);
    at += 4;
    if (size > extra.size() - at) break;
    if (kind == 1 && size >= wanted.size() * 8) {
      for (std::size_t i = 0; i < wanted.size(); ++i)
        *wanted[i] = zip_number<std::uint64_t>(extra, at + i * 8);
      return;
    }
    at += size;
  }
  throw error("the size of {} is missing", name);
}

class EntryReader {
 public:
  explicit EntryReader(Bytes rest) : rest_(rest) {}

  bool at_end() const { return rest_.empty(); }

  std::pair<std::string, StoredMember> next() {
    if (rest_.size() < entry_bytes ||
        zip_number<std::uint32_t>(rest_, 0) != entry_mark)
      throw error("its directory is damaged");
    std::size_t const name_bytes = zip_number<std::uint16_t>(rest_, 28);
    std::size_t const extra_bytes = zip_number<std::uint16_t>(rest_, 30);
    std::size_t const comment_bytes = zip_number<std::uint16_t>(rest_, 32);
    auto const all = entry_bytes + name_bytes + extra_bytes + comment_bytes;
    if (all > rest_.size()) throw error("its directory is damaged");
    auto const* const text = reinterpret_cast<char const*>(rest_.data());
    std::string name(text + entry_bytes, name_bytes);
    auto const member =
        parse(name, rest_.subspan(entry_bytes + name_bytes, extra_bytes));
    rest_ = rest_.subspan(all);
    return {std::move(name), member};
  }

 private:
  StoredMember parse(std::string const& name, Bytes extra) const {
    auto const flags = zip_number<std::uint16_t>(rest_, 8);
    auto const method = zip_number<std::uint16_t>(rest_, 10);
    std::uint64_t packed = zip_number<std::uint32_t>(rest_, 20);
    StoredMember member;
    member.crc32 = zip_number<std::uint32_t>(rest_, 16);
    member.num_bytes = zip_number<std::uint32_t>(rest_, 24);
    member.header_start = zip_number<std::uint32_t>(rest_, 42);
    std::vector<std::uint64_t*> wanted;
    for (auto* const field : {&member.num_bytes, &packed, &member.header_start})
      if (*field == in_zip64) wanted.push_back(field);
    if (!wanted.empty()) read_zip64_fields(extra, name, wanted);
    constexpr std::uint16_t encrypted = 1;
    member.is_stored = method == 0 && (flags & encrypted) == 0;
    if (member.is_stored && packed != member.num_bytes)
      throw error("the directory has two sizes for {}", name);
    return member;
  }

  Bytes rest_;
};

/// Compressed members are not read, so their sizes are not looked at.
void check_places(ZipDirectory const& directory) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (auto const& [name, member] : directory.members) {
    if (!member.is_stored) continue;
    auto const overhead = zip_member_header_bytes + name.size();
    auto const start = member.header_start;
    if (start > directory.start || directory.start - start < overhead ||
        directory.start - start - overhead < member.num_bytes)
      throw error("{} is said to lie outside of the file", name);
    ranges.emplace_back(start, start + overhead + member.num_bytes);
  }
  std::ranges::sort(ranges);
  for (std::size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].first < ranges[i - 1].second)
      throw error("two members lie in the same place");
}

}  // namespace

ZipDirectory read_zip_directory(PlacedReader const& file) {
  auto const summary = read_summary(file);
  if (summary.start > summary.end ||
      summary.end - summary.start != summary.num_bytes)
    throw error("its directory is not where it is said to lie");
  if (summary.num_bytes > max_directory_bytes)
    throw error("its directory has {} bytes", summary.num_bytes);
  auto const bytes = bytes_of(file, summary.start, summary.num_bytes);
  ZipDirectory directory{summary.start, {}};
  std::uint64_t num_entries = 0;
  for (EntryReader entries(bytes); !entries.at_end(); ++num_entries) {
    auto [name, member] = entries.next();
    if (name.empty() || name.back() == '/') continue;
    if (!directory.members.emplace(name, member).second)
      throw error("{} stands in it twice", name);
  }
  if (num_entries != summary.num_entries)
    throw error("it has {} members, its directory says {}", num_entries,
                summary.num_entries);
  check_places(directory);
  return directory;
}

}  // namespace gasm
