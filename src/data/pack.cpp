// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/pack.hpp"

#include <limits>
#include <map>

#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/store/write_clip_store.hpp"

namespace gasm {
namespace {

std::vector<std::string> ids_of(AnnotatedSplit const& split) {
  std::vector<std::string> ids;
  for (auto const& record : split.records) ids.push_back(record.id);
  return ids;
}

/// What the store cannot hold, though it can be decoded.
void refuse_large_frames(VideoRecord& video) {
  constexpr int max_side_px = std::numeric_limits<std::uint16_t>::max();
  if (video.width > max_side_px || video.height > max_side_px)
    video.error = fmt::format("{}x{} pixels (at most {} a side can be stored)",
                              video.width, video.height, max_side_px);
}

/// "3 of 300 videos of split 'train' ...: 7 (why); 9 (why); and 1 more".
std::string list_bad(std::vector<VideoRecord> const& bad,
                     AnnotatedSplit const& split) {
  constexpr std::size_t max_named = 10;
  auto text = fmt::format("{} of {} videos of split '{}' cannot be packed: ",
                          bad.size(), split.records.size(), split.split);
  for (std::size_t i = 0; i < bad.size() && i < max_named; ++i)
    text +=
        fmt::format("{}{} ({})", i == 0 ? "" : "; ", bad[i].id, *bad[i].error);
  if (bad.size() > max_named)
    text += fmt::format("; and {} more", bad.size() - max_named);
  return text;
}

ClipInfo clip_info(Annotation const& record, VideoRecord const& video) {
  ClipInfo clip;
  clip.id = record.id;
  clip.label = static_cast<std::int16_t>(record.label);
  clip.num_frames = static_cast<std::uint32_t>(video.num_frames);
  clip.width = static_cast<std::uint16_t>(video.width);
  clip.height = static_cast<std::uint16_t>(video.height);
  clip.num_bytes = video.num_bytes;
  clip.xxh64 = video.xxh64;
  return clip;
}

}  // namespace

PackSummary pack_clips(Communicator const& comm, VideoSource const& source,
                       AnnotatedSplit const& split,
                       std::filesystem::path const& output,
                       PackOptions const& options) {
  auto report = verify_videos(comm, source, ids_of(split), options.verify);
  std::map<std::string, VideoRecord const*> good;
  PackSummary summary;
  for (auto& video : report.videos) {
    refuse_large_frames(video);
    if (video.error)
      summary.skipped.push_back(video);
    else
      good.emplace(video.id, &video);
  }
  // Every rank has the same report, so all of them come to the same verdict.
  if (!summary.skipped.empty() && options.bad_videos == BadVideos::refuse)
    throw AgreedError(error(
        "{}. Try gasm data verify for the full list, or --allow-bad to pack "
        "the others",
        list_bad(summary.skipped, split)));
  if (good.empty())
    throw AgreedError(error("no video is left to pack: {}",
                            list_bad(summary.skipped, split)));

  ClipStoreContents contents;
  contents.split = split.split;
  contents.classes = split.classes;
  std::vector<VideoPlace const*> places;
  for (auto const& record : split.records) {
    auto const found = good.find(record.id);
    if (found == good.end()) continue;
    contents.clips.push_back(clip_info(record, *found->second));
    places.push_back(&source.places.at(record.id).front());
  }
  write_clip_store(comm, output, contents, [&](std::int64_t i) {
    if (options.on_write) options.on_write();
    return source.read(*places[static_cast<std::size_t>(i)]);
  });
  summary.num_clips = static_cast<std::int64_t>(contents.clips.size());
  for (auto const& clip : contents.clips) summary.total_bytes += clip.num_bytes;
  summary.data_hash = data_hash(contents);
  return summary;
}

PackSummary pack_clips(Communicator const& comm,
                       std::filesystem::path const& videos,
                       AnnotatedSplit const& split,
                       std::filesystem::path const& output,
                       PackOptions const& options) {
  return pack_clips(comm, open_videos(comm, videos), split, output, options);
}

}  // namespace gasm
