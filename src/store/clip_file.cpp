// SPDX-License-Identifier: Apache-2.0
#include "clip_file.hpp"

#include <algorithm>
#include <utility>

#include "gasm/base/build_info.hpp"
#include "gasm/base/hash.hpp"
#include "h5.hpp"
#include "h5_file.hpp"

namespace gasm::clip_file {
namespace {

/// The file's rows, column by column.
struct Columns {
  std::vector<std::uint64_t> offset;
  std::vector<std::int16_t> label;
  std::vector<std::string> id;
  std::vector<std::uint32_t> num_frames;
  std::vector<std::uint16_t> width;
  std::vector<std::uint16_t> height;
  std::vector<std::uint64_t> xxh64;
};

Columns columns_of(ClipStoreContents const& contents) {
  Columns columns;
  columns.offset = clip_offsets(contents);
  for (auto const& clip : contents.clips) {
    columns.label.push_back(clip.label);
    columns.id.push_back(clip.id);
    columns.num_frames.push_back(clip.num_frames);
    columns.width.push_back(clip.width);
    columns.height.push_back(clip.height);
    columns.xxh64.push_back(clip.xxh64);
  }
  return columns;
}

// ---- reading

Columns read_columns(hid_t file, std::uint64_t size_bytes) {
  Columns columns;
  columns.offset = h5::read_column<std::uint64_t>(file, "offset", size_bytes);
  columns.label = h5::read_column<std::int16_t>(file, "label", size_bytes);
  columns.id = h5::read_text_column(file, "id", size_bytes);
  columns.num_frames =
      h5::read_column<std::uint32_t>(file, "num_frames", size_bytes);
  columns.width = h5::read_column<std::uint16_t>(file, "width", size_bytes);
  columns.height = h5::read_column<std::uint16_t>(file, "height", size_bytes);
  columns.xxh64 = h5::read_column<std::uint64_t>(file, "xxh64", size_bytes);
  return columns;
}

void check_lengths(Columns const& columns, std::uint64_t num_clips) {
  auto const check = [&](char const* name, std::size_t found,
                         std::uint64_t wanted) {
    if (found != wanted)
      throw error("'{}' has {} rows, wanted {}", name, found, wanted);
  };
  if (num_clips == 0) throw error("it says it holds no clip");
  check("offset", columns.offset.size(), num_clips + 1);
  check("label", columns.label.size(), num_clips);
  check("id", columns.id.size(), num_clips);
  check("num_frames", columns.num_frames.size(), num_clips);
  check("width", columns.width.size(), num_clips);
  check("height", columns.height.size(), num_clips);
  check("xxh64", columns.xxh64.size(), num_clips);
}

void check_offsets(std::vector<std::uint64_t> const& offsets,
                   std::uint64_t total_bytes) {
  if (offsets.front() != 0)
    throw error("'offset' starts at {}, not 0", offsets.front());
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i)
    if (offsets[i] >= offsets[i + 1])
      throw error("'offset' does not grow at row {} ({} then {})", i,
                  offsets[i], offsets[i + 1]);
  if (offsets.back() != total_bytes)
    throw error("'offset' ends at {}, but 'data' has {} bytes", offsets.back(),
                total_bytes);
}

void check_hash(hid_t file, char const* name, std::uint64_t found) {
  auto const stored = h5::read_text(file, name);
  if (stored != to_hex(found))
    throw error("its columns were changed ({} is {}, stored as {})", name,
                to_hex(found), stored);
}

ClipStoreContents contents_of(Columns columns) {
  ClipStoreContents contents;
  contents.clips.resize(columns.id.size());
  for (std::size_t i = 0; i < columns.id.size(); ++i) {
    auto& clip = contents.clips[i];
    clip.id = std::move(columns.id[i]);
    clip.label = columns.label[i];
    clip.num_frames = columns.num_frames[i];
    clip.width = columns.width[i];
    clip.height = columns.height[i];
    clip.num_bytes = columns.offset[i + 1] - columns.offset[i];
    clip.xxh64 = columns.xxh64[i];
  }
  return contents;
}

void check_labels(ClipStoreContents const& contents) {
  for (auto const& clip : contents.clips)
    if (clip.label < -1 ||
        clip.label >= static_cast<std::int64_t>(contents.classes.size()))
      throw error("clip '{}' has label {} of {} classes", clip.id, clip.label,
                  contents.classes.size());
}

Index read_open_file(hid_t file, std::uint64_t size_bytes) {
  h5::check_schema(file, schema, version);
  auto columns = read_columns(file, size_bytes);
  check_lengths(columns, h5::read_number(file, "num_clips"));
  auto const data = h5::open_column(file, "data", H5T_STD_U8LE, size_bytes);
  check_offsets(columns.offset, data.num_rows);

  Index index;
  index.offsets = columns.offset;
  index.contents = contents_of(std::move(columns));
  index.contents.split = h5::read_text(file, "split");
  index.contents.classes = h5::read_text_column(file, "classes", size_bytes);
  index.data_start = data.start;
  index.data_hash = data_hash(index.contents);
  check_hash(file, "data_hash", index.data_hash);
  check_hash(file, "index_hash", index_hash(index.contents));
  check_labels(index.contents);
  return index;
}

// ---- writing

void write_attributes(hid_t file, ClipStoreContents const& contents) {
  h5::write_text(file, "schema", schema);
  h5::write_number(file, "schema_version", version);
  h5::write_text(file, "split", contents.split);
  h5::write_text(file, "gasm_version", build_info().version);
  h5::write_number(file, "num_clips", contents.clips.size());
  h5::write_number(file, "total_bytes", clip_offsets(contents).back());
  h5::write_text(file, "data_hash", to_hex(data_hash(contents)));
  h5::write_text(file, "index_hash", to_hex(index_hash(contents)));
}

void write_columns(hid_t file, ClipStoreContents const& contents) {
  auto const columns = columns_of(contents);
  h5::write_column(file, "classes", contents.classes);
  h5::write_column(file, "offset", columns.offset);
  h5::write_column(file, "label", columns.label);
  h5::write_column(file, "id", columns.id);
  h5::write_column(file, "num_frames", columns.num_frames);
  h5::write_column(file, "width", columns.width);
  h5::write_column(file, "height", columns.height);
  h5::write_column(file, "xxh64", columns.xxh64);
  h5::create_column(file, "data", H5T_STD_U8LE, columns.offset.back());
}

/// More than the file will need: columns, alignment gaps and metadata.
std::uint64_t size_bound_bytes(ClipStoreContents const& contents) {
  std::uint64_t id_bytes = 1;
  std::uint64_t class_bytes = 1;
  for (auto const& clip : contents.clips)
    id_bytes = std::max<std::uint64_t>(id_bytes, clip.id.size());
  for (auto const& name : contents.classes)
    class_bytes = std::max<std::uint64_t>(class_bytes, name.size());
  auto const n = contents.clips.size();
  return h5::size_bound_bytes({contents.classes.size() * class_bytes,
                               (n + 1) * 8, n * 2, n * id_bytes, n * 4, n * 2,
                               n * 2, n * 8, clip_offsets(contents).back()});
}

}  // namespace

std::vector<std::uint64_t> clip_offsets(ClipStoreContents const& contents) {
  std::vector<std::uint64_t> offsets{0};
  offsets.reserve(contents.clips.size() + 1);
  for (auto const& clip : contents.clips)
    offsets.push_back(offsets.back() + clip.num_bytes);
  return offsets;
}

Result<Index> read_index(std::filesystem::path const& path) {
  h5::silence();
  try {
    auto const stored = h5::open_stored(path);
    return read_open_file(stored.file.get(), stored.size_bytes);
  } catch (Error const& why) {
    return failure(
        "{} is no usable clip store ({}). Try packing the videos again with "
        "gasm data pack",
        path.string(), why.what());
  }
}

Result<void> create(std::filesystem::path const& path,
                    ClipStoreContents const& contents) {
  try {
    h5::create_reserved(path.string(), size_bound_bytes(contents),
                        [&](hid_t file) {
                          write_attributes(file, contents);
                          write_columns(file, contents);
                        });
  } catch (Error const& why) {
    return tl::unexpected(why);
  }
  return {};
}

}  // namespace gasm::clip_file
