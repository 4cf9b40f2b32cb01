// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/verify.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "gasm/base/file.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/video/video_info.hpp"
#include "verify_journal.hpp"
#include "video_folder.hpp"

namespace gasm {
namespace {

using Json = nlohmann::json;

// ---- one video

bool has_webm_name(std::filesystem::path const& path) {
  return path.extension() == ".webm" || path.extension() == ".mkv";
}

/// Reads and decodes the file into `record`; why it cannot be used, if so.
Result<void> inspect(VideoSource const& source, VideoPlace const& place,
                     DecodeLimits const& limits, VideoRecord& record) {
  auto const size = source.size_bytes(place);
  if (!size) return tl::unexpected(size.error());
  record.num_bytes = *size;
  if (*size == 0) return failure("the file is empty");
  if (*size > static_cast<std::uint64_t>(limits.max_file_bytes))
    return failure("the file has {} bytes (more than the limit of {})", *size,
                   limits.max_file_bytes);
  auto const bytes = source.read(place);
  if (!bytes) return tl::unexpected(bytes.error());
  record.num_bytes = bytes->size();
  record.xxh64 = xxh64(*bytes);
  record.is_ebml = starts_like_webm(*bytes);
  auto const info = verify_video(*bytes, limits);
  if (!info && has_webm_name(place.name) && !record.is_ebml)
    return failure("not a webm file ({})", info.error().what());
  if (!info) return tl::unexpected(info.error());
  record.num_frames = info->num_frames;
  record.codec = info->codec;
  record.width = info->width;
  record.height = info->height;
  return {};
}

/// The videos of this rank, and what it has of earlier ones.
struct Share {
  VideoSource const& source;
  std::vector<std::string> const& ids;
  std::optional<VerifyJournal> journal;
  std::vector<VideoRecord> records;
  std::int64_t num_taken_over = 0;
};

VideoRecord verify_place(Share& share, VideoPlace const& place,
                         VideoRecord record, DecodeLimits const& limits) {
  std::optional<VideoStamp> stamp;
  if (share.journal)
    // Before the video is read: one that changes meanwhile is read again.
    if (auto const found = stamp_of(share.source, place)) stamp = *found;
  if (stamp)
    if (auto known = share.journal->find(record.id, record.file, *stamp)) {
      ++share.num_taken_over;
      return *std::move(known);
    }
  if (auto done = inspect(share.source, place, limits, record); !done)
    record.error = done.error().what();
  else if (stamp && stamp->num_bytes == record.num_bytes)
    value_or_throw(share.journal->append(record, *stamp));
  return record;
}

VideoRecord verify_one(Share& share, std::string const& id,
                       DecodeLimits const& limits) {
  VideoRecord record;
  record.id = id;
  auto const& places = share.source.places;
  auto const found = places.find(id);
  if (found == places.end()) {
    record.error = "there is no video file of this id";
    return record;
  }
  record.file = found->second.front().name;
  if (found->second.size() > 1) {
    record.error = fmt::format("two files have this id ({} and {})",
                               found->second[0].name, found->second[1].name);
    return record;
  }
  return verify_place(share, found->second.front(), std::move(record), limits);
}

// ---- all videos

Json to_json(std::vector<VideoRecord> const& records) {
  auto list = Json::array();
  for (auto const& r : records)
    list.push_back({r.num_bytes, r.xxh64, r.num_frames, r.codec, r.width,
                    r.height, r.is_ebml, r.error ? Json(*r.error) : Json()});
  return list;
}

void fill_from_json(Json const& values, VideoRecord& record) {
  values[0].get_to(record.num_bytes);
  values[1].get_to(record.xxh64);
  values[2].get_to(record.num_frames);
  values[3].get_to(record.codec);
  values[4].get_to(record.width);
  values[5].get_to(record.height);
  values[6].get_to(record.is_ebml);
  if (!values[7].is_null()) record.error = values[7].get<std::string>();
}

/// Rank r takes videos r, r + size, ...: neighbours are alike in length.
void verify_share(Communicator const& comm, Share& share,
                  VerifyOptions const& options) {
  auto const& ids = share.ids;
  auto const tell = [&](std::size_t total) {
    if (options.on_progress)
      options.on_progress(std::ssize(share.records),
                          static_cast<std::int64_t>(total));
  };
  auto const step = static_cast<std::size_t>(comm.size());
  auto const total =
      (ids.size() + step - 1 - static_cast<std::size_t>(comm.rank())) / step;
  tell(total);
  for (auto i = static_cast<std::size_t>(comm.rank()); i < ids.size();
       i += step) {
    share.records.push_back(verify_one(share, ids[i], options.limits));
    tell(total);
  }
}

std::vector<VideoRecord> gather(Communicator const& comm,
                                VideoSource const& source,
                                std::vector<std::string> const& ids,
                                std::vector<VideoRecord> const& mine) {
  // A decoder's message may quote bytes that are not UTF-8.
  auto const texts = comm.all_gather_strings(
      to_json(mine).dump(-1, ' ', false, Json::error_handler_t::replace));
  std::vector<VideoRecord> records(ids.size());
  for (std::size_t rank = 0; rank < texts.size(); ++rank) {
    auto const list = Json::parse(texts[rank]);
    for (std::size_t k = 0; k < list.size(); ++k) {
      auto const i = rank + k * texts.size();
      records[i].id = ids[i];
      if (auto const found = source.places.find(ids[i]);
          found != source.places.end())
        records[i].file = found->second.front().name;
      fill_from_json(list[k], records[i]);
    }
  }
  return records;
}

std::vector<std::vector<std::string>> find_duplicates(
    std::vector<VideoRecord> const& videos) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<std::string>>
      groups;
  for (auto const& video : videos)
    if (video.xxh64 != 0)
      groups[{video.xxh64, video.num_bytes}].push_back(video.id);
  std::vector<std::vector<std::string>> duplicates;
  for (auto& [key, ids] : groups)
    if (ids.size() > 1) duplicates.push_back(std::move(ids));
  std::ranges::sort(duplicates, id_less,
                    [](auto const& ids) { return ids.front(); });
  return duplicates;
}

std::vector<std::string> find_unlisted(VideoSource const& source,
                                       std::vector<std::string> const& ids) {
  std::set<std::string> const listed(ids.begin(), ids.end());
  std::vector<std::string> unlisted;
  for (auto const& [id, places] : source.places)
    if (!listed.contains(id))
      for (auto const& place : places) unlisted.push_back(place.name);
  std::ranges::sort(unlisted, [](auto const& a, auto const& b) {
    auto const x = video_id(a);
    auto const y = video_id(b);
    return x != y ? id_less(x, y) : a < b;
  });
  return unlisted;
}

nlohmann::ordered_json manifest_entry(VideoRecord const& video) {
  nlohmann::ordered_json entry;
  bool const is_decoded = !video.codec.empty();
  entry["id"] = video.id;
  entry["num_frames"] = video.num_frames;
  entry["codec"] = nullptr;
  if (is_decoded) entry["codec"] = video.codec;
  entry["width"] = video.width;
  entry["height"] = video.height;
  entry["xxh64"] = nullptr;
  if (video.xxh64 != 0) entry["xxh64"] = to_hex(video.xxh64);
  entry["error"] = nullptr;
  if (video.error) entry["error"] = *video.error;
  return entry;
}

}  // namespace

std::int64_t VerifyReport::num_errors() const {
  return std::ranges::count_if(
      videos, [](VideoRecord const& video) { return video.error.has_value(); });
}

VerifyReport verify_videos(Communicator const& comm, VideoSource const& source,
                           std::span<std::string const> ids,
                           VerifyOptions const& options) {
  std::vector<std::string> sorted(ids.begin(), ids.end());
  std::ranges::sort(sorted, id_less);
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  Share share{source, sorted, {}, {}};
  if (!options.journal.empty())
    share.journal =
        VerifyJournal::open(comm, options.journal, source, options.journal_use);
  agree_call(comm, [&] { verify_share(comm, share, options); });

  VerifyReport report;
  report.num_taken_over = comm.all_reduce_sum(share.num_taken_over);
  report.videos = gather(comm, source, sorted, share.records);
  report.duplicates = find_duplicates(report.videos);
  for (auto const& video : report.videos)
    if (video.file.empty())
      report.missing.push_back(video.id);
    else if (!video.error && has_webm_name(video.file) && !video.is_ebml)
      report.not_webm.push_back(video.id);
  report.unlisted = find_unlisted(source, sorted);
  return report;
}

VerifyReport verify_videos(Communicator const& comm,
                           std::filesystem::path const& videos,
                           std::span<std::string const> ids,
                           VerifyOptions const& options) {
  return verify_videos(comm, open_videos(comm, videos), ids, options);
}

std::string manifest_json(VerifyReport const& report) {
  // One video a line: a manifest of 220,847 videos can still be searched.
  std::string text = "{\"videos\": [";
  auto const dump = [](auto const& json) {
    using J = std::decay_t<decltype(json)>;
    return json.dump(-1, ' ', false, J::error_handler_t::replace);
  };
  for (std::size_t i = 0; i < report.videos.size(); ++i)
    text += (i == 0 ? "\n" : ",\n") + dump(manifest_entry(report.videos[i]));
  text += fmt::format("\n],\n\"num_videos\": {},\n\"num_errors\": {},\n",
                      report.videos.size(), report.num_errors());
  text += "\"duplicates\": " + dump(Json(report.duplicates)) + ",\n";
  text += "\"missing\": " + dump(Json(report.missing)) + ",\n";
  text += "\"unlisted\": " + dump(Json(report.unlisted)) + ",\n";
  text += "\"not_webm\": " + dump(Json(report.not_webm));
  if (report.profile)
    text += fmt::format(",\n{}", profile_members(*report.profile));
  return text + "}\n";
}

void write_manifest(Communicator const& comm, VerifyReport const& report,
                    std::filesystem::path const& path) {
  agree_call(comm, [&] {
    if (comm.is_root())
      value_or_throw(publish_file(path, manifest_json(report)));
  });
}

}  // namespace gasm
