// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/video_source.hpp"

#include "gasm/base/file.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/data/video_spool.hpp"
#include "gasm/store/data_file.hpp"
#include "video_folder.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

Result<std::vector<std::byte>> read_slice(fs::path const& path,
                                          VideoPlace const& place) {
  auto const& slice = *place.slice;
  auto const file = DataFile::open(path);
  if (!file) return tl::unexpected(file.error());
  std::vector<std::byte> bytes(slice.num_bytes);
  if (auto done = file->read(slice.offset, bytes); !done)
    return tl::unexpected(done.error());
  if (slice.xxh64 && xxh64(bytes) != *slice.xxh64)
    return failure("{} in {} has changed (checksum {}, written as {})",
                   place.name, path.string(), to_hex(xxh64(bytes)),
                   to_hex(*slice.xxh64));
  return bytes;
}

VideoSource folder_source(Communicator const& comm, fs::path const& folder) {
  auto joined = agree_call(comm, [&] {
    return comm.is_root() ? joined_video_names(folder) : std::string();
  });
  comm.broadcast(joined);
  VideoSource source;
  source.containers = {folder};
  for (std::size_t at = 0; at < joined.size();) {
    auto const end = joined.find('/', at);
    auto const name = joined.substr(at, end - at);
    source.places[video_id(name)].push_back({name, 0, std::nullopt});
    at = end + 1;
  }
  return source;
}

/// The journal of a spool that holds what it says.
std::string read_journal(fs::path const& spool) {
  auto const path = spool_index_path(spool);
  if (!fs::exists(path))
    throw error(
        "{} is neither a folder of videos nor a spool of them (there is no "
        "{}). Try a folder, or what gasm data fetch-check --extract wrote",
        spool.string(), path.string());
  auto text = value_or_throw(read_text(path));
  auto const index = value_or_throw(parse_spool_index(text, path));
  if (!index.is_complete)
    throw error(
        "{} is not complete ({} videos so far). Try gasm data fetch-check "
        "--extract again: it goes on where it stopped",
        spool.string(), index.entries.size());
  if (fs::file_size(spool) != index.num_bytes())
    throw error(
        "{} has {} bytes (its index says {}). Try to delete both and "
        "to extract again",
        spool.string(), fs::file_size(spool), index.num_bytes());
  return text;
}

VideoSource spool_source(Communicator const& comm, fs::path const& spool) {
  auto text = agree_call(comm, [&] {
    return comm.is_root() ? read_journal(spool) : std::string();
  });
  comm.broadcast(text);
  auto const index =
      value_or_throw(parse_spool_index(text, spool_index_path(spool)));
  VideoSource source;
  source.containers = {spool};
  for (auto const& entry : index.entries)
    source.places[video_id(entry.name)].push_back(
        {entry.name, 0,
         VideoSlice{entry.offset, entry.num_bytes, entry.xxh64}});
  return source;
}

}  // namespace

Result<std::uint64_t> VideoSource::size_bytes(VideoPlace const& place) const {
  if (place.slice) return place.slice->num_bytes;
  std::error_code why;
  auto const size =
      fs::file_size(containers[place.container] / place.name, why);
  if (why) return failure("cannot read the file ({})", why.message());
  return size;
}

Result<std::vector<std::byte>> VideoSource::read(
    VideoPlace const& place) const {
  auto const& container = containers[place.container];
  if (place.slice) return read_slice(container, place);
  return read_bytes(container / place.name);
}

VideoSource open_videos(Communicator const& comm, fs::path const& place) {
  auto const is_file = agree_call(comm, [&] {
    std::error_code none;
    return comm.is_root() && fs::is_regular_file(place, none);
  });
  int kind = is_file ? 1 : 0;
  comm.broadcast(kind);
  return kind == 1 ? spool_source(comm, place) : folder_source(comm, place);
}

}  // namespace gasm
