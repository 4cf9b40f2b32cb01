// SPDX-License-Identifier: Apache-2.0
#include "unpack_videos.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gasm/base/hash.hpp"
#include "video_folder.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

/// A name that would leave the folder it is unpacked into. Nothing here is
/// written to where a name says; an archive with such names is still suspect.
bool leads_out(std::string const& name) {
  fs::path const path(name);
  return path.is_absolute() ||
         std::ranges::any_of(path, [](auto const& p) { return p == ".."; });
}

/// UTF-8 without control characters, so that it can stand in messages.
bool is_plain(std::string const& name) {
  bool const has_control = std::ranges::any_of(
      name, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (has_control) return false;
  try {
    (void)nlohmann::json(name).dump();
    return true;
  } catch (nlohmann::json::exception const&) {
    return false;
  }
}

/// The name with everything that is not plain as '?'.
std::string shown(std::string name) {
  constexpr std::size_t max_shown = 100;
  if (!is_plain(name))
    for (auto& c : name)
      if (c < 0x20 || c == 0x7F) c = '?';
  if (name.size() > max_shown) name = name.substr(0, max_shown) + "...";
  return name;
}

bool has_webm_name(std::string const& name) {
  auto const extension = fs::path(name).extension();
  return extension == ".webm" || extension == ".mkv";
}

}  // namespace

void Findings::add(std::string const& kind, std::string const& name) {
  constexpr std::size_t max_named = 10;
  auto& found = kinds_[kind];
  ++found.count;
  if (found.first_names.size() < max_named)
    found.first_names.push_back(shown(name));
}

std::vector<std::string> Findings::sentences() const {
  std::vector<std::string> list;
  for (auto const& [kind, found] : kinds_) {
    auto const num_named = std::ssize(found.first_names);
    std::string names;
    for (auto const& name : found.first_names)
      names += (names.empty() ? "" : ", ") + name;
    auto text = fmt::format("{}: {}", kind, names);
    if (found.count > num_named)
      text += fmt::format(" and {} more", found.count - num_named);
    list.push_back(text);
  }
  return list;
}

void VideoUnpacker::open_spool(fs::path const& path) {
  spool_ = value_or_throw(SpoolWriter::open(path));
  was_complete_ = spool_->index().is_complete;
}

Result<void> VideoUnpacker::take(TarMember const& member, TarReader& reader) {
  if (++num_members_ > options_.max_members)
    return failure("the archive has more than {} members (limit max_members)",
                   options_.max_members);
  if (leads_out(member.name)) {
    problems_.add("members whose names lead elsewhere (not unpacked)",
                  member.name);
    return {};
  }
  if (member.kind == MemberKind::folder) return {};
  if (member.kind == MemberKind::other) {
    problems_.add("links, devices or pipes (not unpacked)", member.name);
    return {};
  }
  auto const name = fs::path(member.name).filename().string();
  if (!is_video_name(name) || !is_plain(name) || video_id(name).empty()) {
    notes_.add("members that are no videos (not unpacked)", member.name);
    return {};
  }
  if (member.num_bytes > options_.max_video_bytes) {
    problems_.add(fmt::format("videos of more than {} bytes (not unpacked)",
                              options_.max_video_bytes),
                  member.name);
    return {};
  }
  auto const bytes = reader.read(options_.max_video_bytes);
  if (!bytes) return tl::unexpected(bytes.error());
  if (bytes->size() != member.num_bytes)
    return failure("{} has {} bytes where its header says {}", name,
                   bytes->size(), member.num_bytes);
  look_at(name, *bytes);
  if (spool_) copy(name, *bytes);
  ++num_videos_;
  return {};
}

void VideoUnpacker::look_at(std::string const& name,
                            std::span<std::byte const> bytes) {
  if (bytes.empty())
    problems_.add("videos that are empty", name);
  else if (has_webm_name(name) && !starts_like_webm(bytes))
    problems_.add("videos that do not begin as WebM files do", name);
  auto id = video_id(name);
  if (!ids_.insert(id).second)
    problems_.add("videos whose id stands twice", name);
  report_.ids.push_back(std::move(id));
  ++report_.num_videos;
  report_.video_bytes += bytes.size();
  bool const is_first = report_.num_videos == 1;
  report_.min_video_bytes =
      is_first ? bytes.size() : std::min(report_.min_video_bytes, bytes.size());
  report_.max_video_bytes = std::max(report_.max_video_bytes, bytes.size());
}

/// What is there from `i` on is not what the archive holds, and goes.
void VideoUnpacker::go_on_from(std::size_t i, char const* why) {
  report_.notes.push_back(
      fmt::format("the spool was written again from video {} of {} on ({})",
                  i + 1, spool_->index().entries.size(), why));
  value_or_throw(spool_->cut(i));
}

void VideoUnpacker::copy(std::string const& name,
                         std::span<std::byte const> bytes) {
  auto const i = num_videos_;
  auto const& entries = spool_->index().entries;
  if (i < entries.size()) {
    auto const& there = entries[i];
    bool const is_listed = there.name == name &&
                           there.num_bytes == bytes.size() &&
                           there.xxh64 == xxh64(bytes);
    // A spool that is complete, or differs at once, is another archive's.
    // Otherwise the parts were damaged when it was begun.
    if (!is_listed && (was_complete_ || i == 0))
      throw error(
          "{} holds the videos of another archive (video {} is {} there and {} "
          "here). Try another name, or delete it and its index",
          options_.spool->string(), i + 1, there.name, name);
    if (is_listed && spool_->holds(i, bytes)) {
      ++report_.num_kept;
      return;
    }
    go_on_from(i,
               is_listed ? "its bytes were lost" : "the archive has changed");
  }
  if (spool_->index().is_complete)
    throw error(
        "{} is complete with {} videos, and the archive has more. Try another "
        "name, or delete it and its index",
        options_.spool->string(), entries.size());
  value_or_throw(spool_->append(name, bytes));
  ++report_.num_copied;
}

void VideoUnpacker::finish() {
  if (!spool_) return;
  if (spool_->index().entries.size() > num_videos_) {
    if (was_complete_)
      throw error(
          "{} holds {} videos, but the archive {}. Try another name, or delete "
          "it and its index",
          options_.spool->string(), spool_->index().entries.size(),
          num_videos_);
    go_on_from(num_videos_, "the archive has changed");
  }
  value_or_throw(spool_->complete());
}

void VideoUnpacker::report_findings() {
  for (auto const& text : problems_.sentences())
    report_.problems.push_back(text);
  for (auto const& text : notes_.sentences()) report_.notes.push_back(text);
}

}  // namespace gasm
