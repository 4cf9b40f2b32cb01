// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/write_clip_store.hpp"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "clip_file.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/comm/native.hpp"
#include "gasm/store/clip_store.hpp"
#include "h5.hpp"

namespace gasm {
namespace {

constexpr std::size_t piece_bytes = std::size_t{64} << 20;

// ---- what is refused before anything is written

bool is_plain_text(std::string const& text) {
  return !text.empty() && text.find('\0') == std::string::npos;
}

void check_classes(ClipStoreContents const& contents) {
  if (contents.classes.size() > std::numeric_limits<std::int16_t>::max())
    throw usage_error("{} classes do not fit a clip store (at most {})",
                      contents.classes.size(),
                      std::numeric_limits<std::int16_t>::max());
  if (contents.classes.empty())
    throw usage_error("a clip store needs at least one class name");
  for (auto const& name : contents.classes)
    if (!is_plain_text(name))
      throw usage_error("a class name is empty or holds a zero byte");
}

void check_clips(ClipStoreContents const& contents) {
  if (contents.clips.empty())
    throw usage_error("there is no clip to store (the list is empty)");
  auto const num_classes = static_cast<std::int64_t>(contents.classes.size());
  std::unordered_set<std::string> ids;
  for (auto const& clip : contents.clips) {
    if (!is_plain_text(clip.id))
      throw usage_error("a clip's id is empty or holds a zero byte");
    if (!ids.insert(clip.id).second)
      throw usage_error("clip '{}' is listed twice", clip.id);
    if (clip.label < -1 || clip.label >= num_classes)
      throw usage_error("clip '{}' has label {} of {} classes", clip.id,
                        clip.label, num_classes);
    if (clip.num_bytes == 0 || clip.num_frames == 0)
      throw usage_error(
          "clip '{}' has {} bytes and {} frames (both must be "
          "above 0)",
          clip.id, clip.num_bytes, clip.num_frames);
  }
}

void check_same_on_all(Communicator const& comm,
                       std::filesystem::path const& path,
                       ClipStoreContents const& contents) {
  auto const mine =
      fmt::format("{} {} {}", path.string(), to_hex(data_hash(contents)),
                  to_hex(index_hash(contents)));
  auto const all = comm.all_gather_strings(mine);
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    if (all[rank] != all[0])
      throw AgreedError(
          error("rank {} was asked to write another clip store than rank 0 "
                "({} and {})",
                rank, all[rank], all[0]));
}

// ---- one rank's slab

/// Collects clips and writes them in large pieces.
class SlabWriter {
 public:
  SlabWriter(hid_t dataset, std::uint64_t start, std::string path)
      : dataset_(dataset), start_(start), path_(std::move(path)) {}

  void add(std::span<std::byte const> clip) {
    while (!clip.empty()) {
      auto const part = std::min(clip.size(), piece_bytes - pending_.size());
      pending_.insert(pending_.end(), clip.begin(),
                      clip.begin() + static_cast<std::ptrdiff_t>(part));
      clip = clip.subspan(part);
      if (pending_.size() == piece_bytes) flush();
    }
  }

  void flush() {
    if (pending_.empty()) return;
    hsize_t const start = start_;
    hsize_t const count = pending_.size();
    auto const what = fmt::format("write to {}", path_);
    h5::Id const file_space(H5Dget_space(dataset_), H5Sclose, what);
    h5::check(H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, &start,
                                  nullptr, &count, nullptr),
              what);
    h5::Id const memory(H5Screate_simple(1, &count, nullptr), H5Sclose, what);
    if (H5Dwrite(dataset_, H5T_STD_U8LE, memory.get(), file_space.get(),
                 H5P_DEFAULT, pending_.data()) < 0)
      throw error("cannot {} ({}). Try to free space or another folder", what,
                  h5::reason());
    start_ += count;
    pending_.clear();
  }

 private:
  hid_t dataset_;
  std::uint64_t start_;  // of pending_ in the dataset
  std::string path_;
  std::vector<std::byte> pending_;
};

void check_source(ClipInfo const& clip, std::vector<std::byte> const& bytes) {
  if (bytes.size() != clip.num_bytes || xxh64(bytes) != clip.xxh64)
    throw error(
        "clip '{}' is not what it was ({} bytes, checksum {}; expected {} "
        "and {}). Try again when nothing writes to the videos",
        clip.id, bytes.size(), to_hex(xxh64(bytes)), clip.num_bytes,
        to_hex(clip.xxh64));
}

void write_slab(hid_t file, std::string const& path, ClipSlab slab,
                ClipStoreContents const& contents, ClipBytes const& bytes_of) {
  h5::Id const dataset(H5Dopen2(file, "data", H5P_DEFAULT), H5Dclose,
                       "open 'data'");
  auto const first = static_cast<std::size_t>(slab.first);
  SlabWriter writer(dataset.get(), clip_file::clip_offsets(contents)[first],
                    path);
  for (auto i = slab.first; i < slab.first + slab.count; ++i) {
    auto const bytes = value_or_throw(bytes_of(i));
    check_source(contents.clips[static_cast<std::size_t>(i)], bytes);
    writer.add(bytes);
  }
  writer.flush();
}

// ---- the steps, each agreed on by all ranks

h5::Id open_on_all(Communicator const& comm, std::string const& path) {
  return agree_call(comm, [&] {
    h5::silence();
    auto const access = h5::file_access();
    // A single rank needs no MPI, and may not have one running.
    if (comm.size() > 1)
      h5::check(
          H5Pset_fapl_mpio(access.get(), native_handle(comm), MPI_INFO_NULL),
          "set up parallel file access");
    return h5::Id(H5Fopen(path.c_str(), H5F_ACC_RDWR, access.get()), H5Fclose,
                  fmt::format("open {} for writing", path));
  });
}

void write_all_slabs(Communicator const& comm, std::string const& path,
                     ClipStoreContents const& contents,
                     ClipBytes const& bytes_of) {
  auto file = open_on_all(comm, path);
  std::optional<Error> failed;
  try {
    write_slab(file.get(), path, clip_slab(contents, comm.rank(), comm.size()),
               contents, bytes_of);
  } catch (Error const& why) {
    failed = why;
  } catch (std::exception const& why) {
    failed = error("cannot write to {} ({})", path, why.what());
  }
  // Closing is collective: also a rank that failed must come here.
  try {
    file.close(fmt::format("finish {}", path));
  } catch (Error const& why) {
    if (!failed) failed = why;
  }
  agree_failures(comm, failed);
}

/// Through the reader, and by another rank than wrote it where there are two.
void check_next_slab(Communicator const& comm, std::string const& path) {
  agree_call(comm, [&] {
    auto const store = value_or_throw(ClipStore::open(path));
    auto const next = (comm.rank() + 1) % comm.size();
    auto const slab = clip_slab(store.contents(), next, comm.size());
    for (auto i = slab.first; i < slab.first + slab.count; ++i)
      value_or_throw(store.bytes(i));
  });
}

void sync_on_all(Communicator const& comm, std::string const& path) {
  agree_call(comm, [&] {
    value_or_throw(value_or_throw(DataFile::open(path)).sync());
  });
}

}  // namespace

ClipSlab clip_slab(ClipStoreContents const& contents, int rank, int num_ranks) {
  auto const offsets = clip_file::clip_offsets(contents);
  auto const first_of = [&](int r) -> std::int64_t {
    // In two steps: total times rank may pass 64 bits.
    auto const ranks = static_cast<std::uint64_t>(num_ranks);
    auto const part = static_cast<std::uint64_t>(r);
    auto const total = offsets.back();
    auto const share = total / ranks * part + total % ranks * part / ranks;
    return std::ranges::lower_bound(offsets.begin(), offsets.end() - 1, share) -
           offsets.begin();
  };
  auto const first = first_of(rank);
  return {first, first_of(rank + 1) - first};
}

void write_clip_store(Communicator const& comm,
                      std::filesystem::path const& path,
                      ClipStoreContents const& contents,
                      ClipBytes const& bytes_of) {
  check_classes(contents);
  check_clips(contents);
  check_same_on_all(comm, path, contents);
  auto const temporary = path.string() + ".tmp";
  try {
    agree_call(comm, [&] {
      if (!comm.is_root()) return;
      if (std::filesystem::is_directory(path))
        throw error("cannot write {} (it is a folder). Try another name",
                    path.string());
      value_or_throw(clip_file::create(temporary, contents));
    });
    write_all_slabs(comm, temporary, contents, bytes_of);
    sync_on_all(comm, temporary);
    check_next_slab(comm, temporary);
    agree_call(comm, [&] {
      if (comm.is_root()) value_or_throw(publish_rename(temporary, path));
    });
  } catch (Error const&) {
    if (comm.is_root()) ::unlink(temporary.c_str());
    throw;
  }
}

}  // namespace gasm
