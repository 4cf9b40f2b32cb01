// SPDX-License-Identifier: Apache-2.0
#include "verify_journal.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "gasm/base/hash.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/video/ffmpeg_info.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr double kLockPatience_s = 5;

/// The first line of every file: what its verdicts depend on.
std::string header_line(VideoSource const& source) {
  Json header;
  header["schema"] = "gasm.verify-journal";
  header["version"] = 1;
  header["ffmpeg"] = ffmpeg_info().release;
  auto& videos = header["videos"] = Json::array();
  for (auto const& container : source.containers)
    videos.push_back(fs::weakly_canonical(container).string());
  return header.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Result<VideoStamp> stamp_of(VideoSource const& source,
                            VideoPlace const& place) {
  auto const& container = source.containers[place.container];
  auto const path = place.slice ? container : container / place.name;
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0)
    return failure("cannot read the file ({})", errno_text(errno));
  constexpr std::int64_t ns_per_s = 1'000'000'000;
  std::int64_t const changed_ns =
      found.st_mtim.tv_sec * ns_per_s + found.st_mtim.tv_nsec;
  if (place.slice)
    return VideoStamp{place.slice->num_bytes, place.slice->offset, changed_ns};
  return VideoStamp{static_cast<std::uint64_t>(found.st_size), 0, changed_ns};
}

VerifyJournal VerifyJournal::open(Communicator const& comm,
                                  fs::path const& folder,
                                  VideoSource const& source, JournalUse use) {
  VerifyJournal journal(
      JobJournal::open(comm, folder,
                       {.header = header_line(source),
                        .start_anew = use == JournalUse::start_anew,
                        .lock_patience_s = kLockPatience_s}));
  journal.read(journal.file_.earlier_lines());
  return journal;
}

void VerifyJournal::read(std::string const& text) {
  for (std::size_t at = 0; at < text.size();) {
    auto const end = text.find('\n', at);
    auto const line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    try {
      auto const json = Json::parse(line);
      Entry entry;
      entry.record.id = json.at("id");
      entry.record.file = json.at("file");
      entry.record.num_bytes = json.at("bytes");
      entry.record.xxh64 = json.at("xxh64");
      entry.record.num_frames = json.at("num_frames");
      entry.record.codec = json.at("codec");
      entry.record.width = json.at("width");
      entry.record.height = json.at("height");
      entry.record.is_ebml = json.at("is_ebml");
      entry.stamp = {entry.record.num_bytes, json.at("offset"),
                     json.at("changed_ns")};
      auto id = entry.record.id;
      entries_.insert_or_assign(std::move(id), std::move(entry));
    } catch (nlohmann::json::exception const&) {
      continue;  // a line that was damaged: its video is verified again
    }
  }
}

std::optional<VideoRecord> VerifyJournal::find(std::string const& id,
                                               std::string const& file,
                                               VideoStamp const& stamp) const {
  auto const found = entries_.find(id);
  if (found == entries_.end() || found->second.record.file != file ||
      found->second.stamp != stamp)
    return std::nullopt;
  return found->second.record;
}

Result<void> VerifyJournal::append(VideoRecord const& record,
                                   VideoStamp const& stamp) {
  Json json;
  json["id"] = record.id;
  json["file"] = record.file;
  json["bytes"] = stamp.num_bytes;
  json["offset"] = stamp.offset;
  json["changed_ns"] = stamp.changed_ns;
  json["xxh64"] = record.xxh64;
  json["num_frames"] = record.num_frames;
  json["codec"] = record.codec;
  json["width"] = record.width;
  json["height"] = record.height;
  json["is_ebml"] = record.is_ebml;
  return file_.append(
      json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void remove_journal(Communicator const& comm, fs::path const& folder) {
  comm.barrier();
  agree_call(comm, [&] {
    if (!comm.is_root()) return;
    std::error_code why;
    fs::remove_all(folder, why);
    if (why)
      throw error("cannot remove the journal {} ({})", folder.string(),
                  why.message());
  });
}

}  // namespace gasm
