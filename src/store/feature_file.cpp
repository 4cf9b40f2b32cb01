// SPDX-License-Identifier: Apache-2.0
#include "feature_file.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>

#include "gasm/base/build_info.hpp"
#include "gasm/base/hash.hpp"
#include "h5.hpp"
#include "h5_file.hpp"

namespace gasm::feature_file {
namespace {

using Pairs = std::vector<std::array<float, 2>>;

std::string const semantic_name = "semantic";
std::string const motion_name = "motion";

std::string text_of(FeatureViews views) {
  return views == FeatureViews::random ? "random" : "test";
}

// ---- writing

h5::Id features_type(FeatureType type) {
  if (type == FeatureType::fp16) return h5::half_type();
  return h5::Id(H5Tcopy(H5T_IEEE_F32LE), H5Tclose, "make a type");
}

void write_pairs(hid_t file, std::string const& name, Pairs const& pairs) {
  auto const array =
      h5::create_array(file, name.c_str(), H5T_IEEE_F32LE, {pairs.size(), 2});
  h5::check(H5Dwrite(array.get(), H5T_IEEE_F32LE, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                     pairs.data()),
            fmt::format("write '{}'", name));
}

void create_stream(hid_t file, std::string const& name,
                   FeatureStoreContents const& contents,
                   std::optional<FeatureStream> const& stream) {
  if (!stream) return;
  auto const dim = [](std::int64_t n) { return static_cast<std::uint64_t>(n); };
  auto const& shape = stream->shape;
  auto const type = features_type(contents.type);
  h5::create_array(
      file, name.c_str(), type.get(),
      {contents.clips.size(), dim(contents.num_views), dim(shape.num_steps),
       dim(shape.num_tokens), dim(shape.num_channels)});
  h5::create_array(file, ("statistics/" + name).c_str(), H5T_IEEE_F32LE,
                   {2, dim(shape.num_channels)});
  write_pairs(file, "positions/" + name + "_times", stream->times);
  write_pairs(file, "positions/" + name + "_places", stream->places);
}

void write_columns(hid_t file, FeatureStoreContents const& contents) {
  std::vector<std::string> ids;
  std::vector<std::int16_t> labels;
  std::vector<std::uint32_t> num_frames;
  for (auto const& clip : contents.clips) {
    ids.push_back(clip.id);
    labels.push_back(clip.label);
    num_frames.push_back(clip.num_frames);
  }
  h5::write_column(file, "classes", contents.classes);
  h5::write_column(file, "id", ids);
  h5::write_column(file, "label", labels);
  h5::write_column(file, "num_frames", num_frames);
  h5::write_column(file, "seal", std::vector<std::uint64_t>{0});
}

void lay_out(hid_t file, FeatureStoreContents const& contents) {
  h5::write_text(file, "schema", schema);
  h5::write_number(file, "schema_version", version);
  h5::write_text(file, "gasm_version", build_info().version);
  h5::write_text(file, "split", contents.split);
  h5::write_text(file, "clips_hash", contents.clips_hash);
  h5::write_text(file, "views", text_of(contents.views));
  h5::write_number(file, "batch", static_cast<std::uint64_t>(contents.batch));
  h5::write_text(file, "provenance", contents.provenance);
  h5::write_text(file, "index_hash", to_hex(index_hash(contents)));
  write_columns(file, contents);
  auto const num_clips = contents.clips.size();
  auto const num_views = static_cast<std::uint64_t>(contents.num_views);
  h5::create_array(file, "view_label", H5T_STD_I16LE, {num_clips, num_views});
  h5::create_array(file, "xxh64", H5T_STD_U64LE, {num_clips, num_views});
  h5::create_group(file, "positions");
  h5::create_group(file, "statistics");
  create_stream(file, semantic_name, contents, contents.semantic);
  create_stream(file, motion_name, contents, contents.motion);
}

std::uint64_t size_bound_bytes(FeatureStoreContents const& contents) {
  std::uint64_t id_bytes = 1;
  std::uint64_t class_bytes = 1;
  for (auto const& clip : contents.clips)
    id_bytes = std::max<std::uint64_t>(id_bytes, clip.id.size());
  for (auto const& name : contents.classes)
    class_bytes = std::max<std::uint64_t>(class_bytes, name.size());
  auto const n = contents.clips.size();
  auto const records = static_cast<std::uint64_t>(contents.num_records());
  auto const pairs_bytes = [](std::optional<FeatureStream> const& stream) {
    return stream ? 8 * (stream->times.size() + stream->places.size()) : 0;
  };
  auto const statistics_bytes =
      [](std::optional<FeatureStream> const& stream) -> std::uint64_t {
    if (!stream) return 0;
    return 8 * static_cast<std::uint64_t>(stream->shape.num_channels);
  };
  return h5::size_bound_bytes(
      {contents.classes.size() * class_bytes, n * id_bytes, n * 2, n * 4,
       records * 2, records * 8, contents.provenance.size(),
       pairs_bytes(contents.semantic), pairs_bytes(contents.motion),
       statistics_bytes(contents.semantic), statistics_bytes(contents.motion),
       records * contents.semantic_bytes(), records * contents.motion_bytes()});
}

// ---- reading

FeatureViews views_of(std::string const& text) {
  for (auto const views : {FeatureViews::test, FeatureViews::random})
    if (text == text_of(views)) return views;
  throw error("its 'views' are '{}', wanted 'test' or 'random'", text);
}

/// An array of exactly this shape.
h5::Array open_shaped(hid_t file, std::string const& name, hid_t type,
                      std::vector<std::uint64_t> const& shape,
                      std::uint64_t size_bytes) {
  auto array = h5::open_array(file, name.c_str(), type, size_bytes);
  if (array.shape != shape)
    throw error("'{}' has another shape than the other columns ask for", name);
  return array;
}

Pairs read_pairs(hid_t file, std::string const& name, std::int64_t count,
                 std::uint64_t size_bytes) {
  auto const array =
      open_shaped(file, name, H5T_IEEE_F32LE,
                  {static_cast<std::uint64_t>(count), 2}, size_bytes);
  Pairs pairs(static_cast<std::size_t>(count));
  h5::check(H5Dread(array.dataset.get(), H5T_IEEE_F32LE, H5S_ALL, H5S_ALL,
                    H5P_DEFAULT, pairs.data()),
            fmt::format("read '{}'", name));
  return pairs;
}

ChannelStatistics read_statistics(hid_t file, std::string const& name,
                                  std::optional<FeatureStream> const& stream,
                                  std::uint64_t& start,
                                  std::uint64_t size_bytes) {
  if (!stream) return {};
  auto const num = static_cast<std::size_t>(stream->shape.num_channels);
  auto const array = open_shaped(file, "statistics/" + name, H5T_IEEE_F32LE,
                                 {2, num}, size_bytes);
  start = array.start;
  std::vector<float> values(2 * num);
  h5::check(H5Dread(array.dataset.get(), H5T_IEEE_F32LE, H5S_ALL, H5S_ALL,
                    H5P_DEFAULT, values.data()),
            fmt::format("read 'statistics/{}'", name));
  auto const middle = values.begin() + static_cast<std::ptrdiff_t>(num);
  return {{values.begin(), middle}, {middle, values.end()}};
}

FeatureType type_of(h5::Array const& array, std::string const& name) {
  h5::Id const found(H5Dget_type(array.dataset.get()), H5Tclose, "read a type");
  for (auto const type : {FeatureType::fp16, FeatureType::fp32})
    if (H5Tequal(found.get(), features_type(type).get()) > 0) return type;
  throw error("'{}' holds neither half nor single precision numbers", name);
}

/// Sets type and number of views of the contents by the way, or compares them
/// if motion was read before.
std::optional<FeatureStream> read_stream(hid_t file, std::string const& name,
                                         FeatureStoreContents& contents,
                                         std::uint64_t& start,
                                         std::uint64_t size_bytes) {
  if (H5Lexists(file, name.c_str(), H5P_DEFAULT) <= 0) return std::nullopt;
  auto const array =
      h5::open_array(file, name.c_str(), H5I_INVALID_HID, size_bytes);
  auto const& shape = array.shape;
  if (shape.size() != 5 || std::ranges::count(shape, 0U) > 0 ||
      shape[0] != contents.clips.size())
    throw error(
        "'{}' is not of the shape [{} clips, views, steps, places, "
        "channels]",
        name, contents.clips.size());
  auto const dim = [&](std::size_t i) {
    return static_cast<std::int64_t>(shape[i]);
  };
  auto const type = type_of(array, name);
  if (contents.motion &&
      (type != contents.type || dim(1) != contents.num_views))
    throw error("'{}' and '{}' have other types or numbers of views",
                semantic_name, motion_name);
  contents.type = type;
  contents.num_views = dim(1);
  start = array.start;
  FeatureStream stream;
  stream.shape = {dim(2), dim(3), dim(4)};
  stream.times = read_pairs(file, "positions/" + name + "_times",
                            stream.shape.num_steps, size_bytes);
  stream.places = read_pairs(file, "positions/" + name + "_places",
                             stream.shape.num_tokens, size_bytes);
  return stream;
}

std::vector<FeatureClip> read_clips(hid_t file, std::uint64_t size_bytes) {
  auto const ids = h5::read_text_column(file, "id", size_bytes);
  auto const labels = h5::read_column<std::int16_t>(file, "label", size_bytes);
  auto const num_frames =
      h5::read_column<std::uint32_t>(file, "num_frames", size_bytes);
  if (ids.empty()) throw error("it holds no clip");
  if (labels.size() != ids.size() || num_frames.size() != ids.size())
    throw error("'id', 'label' and 'num_frames' have {}, {} and {} rows",
                ids.size(), labels.size(), num_frames.size());
  std::vector<FeatureClip> clips;
  for (std::size_t i = 0; i < ids.size(); ++i)
    clips.push_back({ids[i], labels[i], num_frames[i]});
  return clips;
}

void check_labels(Index const& index) {
  auto const num_classes =
      static_cast<std::int64_t>(index.contents.classes.size());
  auto const check = [&](std::int16_t label) {
    if (label < -1 || label >= num_classes)
      throw error("it has a label {} of {} classes", label, num_classes);
  };
  for (auto const& clip : index.contents.clips) check(clip.label);
  for (auto const label : index.view_labels) check(label);
}

template <class T>
std::vector<T> read_views(hid_t file, std::string const& name,
                          FeatureStoreContents const& contents,
                          std::uint64_t& start, std::uint64_t size_bytes) {
  auto const array = open_shaped(
      file, name, h5::file_type<T>(),
      {contents.clips.size(), static_cast<std::uint64_t>(contents.num_views)},
      size_bytes);
  start = array.start;
  std::vector<T> values(static_cast<std::size_t>(contents.num_records()));
  h5::check(H5Dread(array.dataset.get(), h5::file_type<T>(), H5S_ALL, H5S_ALL,
                    H5P_DEFAULT, values.data()),
            fmt::format("read '{}'", name));
  return values;
}

FeatureStoreContents read_contents(hid_t file, Places& places,
                                   std::uint64_t size_bytes) {
  FeatureStoreContents contents;
  contents.split = h5::read_text(file, "split");
  contents.clips_hash = h5::read_text(file, "clips_hash");
  contents.provenance = h5::read_text(file, "provenance");
  contents.views = views_of(h5::read_text(file, "views"));
  contents.batch = static_cast<std::int64_t>(h5::read_number(file, "batch"));
  if (contents.batch < 1) throw error("its 'batch' is no number of clips");
  contents.classes = h5::read_text_column(file, "classes", size_bytes);
  contents.clips = read_clips(file, size_bytes);
  contents.motion =
      read_stream(file, motion_name, contents, places.motion, size_bytes);
  contents.semantic =
      read_stream(file, semantic_name, contents, places.semantic, size_bytes);
  if (!contents.semantic && !contents.motion)
    throw error("it has neither 'semantic' nor 'motion'; it holds: {}",
                h5::list_members(file));
  auto const stored = h5::read_text(file, "index_hash");
  auto const found = to_hex(index_hash(contents));
  if (stored != found)
    throw error("its columns were changed (index_hash is {}, stored as {})",
                found, stored);
  return contents;
}

Index read_open_file(hid_t file, std::uint64_t size_bytes) {
  h5::check_schema(file, schema, version);
  Index index;
  index.contents = read_contents(file, index.places, size_bytes);
  index.view_labels = read_views<std::int16_t>(
      file, "view_label", index.contents, index.places.view_label, size_bytes);
  index.xxh64 = read_views<std::uint64_t>(file, "xxh64", index.contents,
                                          index.places.xxh64, size_bytes);
  index.statistics.semantic =
      read_statistics(file, semantic_name, index.contents.semantic,
                      index.places.semantic_statistics, size_bytes);
  index.statistics.motion =
      read_statistics(file, motion_name, index.contents.motion,
                      index.places.motion_statistics, size_bytes);
  auto const seal = h5::open_column(file, "seal", H5T_STD_U64LE, size_bytes);
  index.places.seal = seal.start;
  auto const stored = h5::read_column<std::uint64_t>(file, "seal", size_bytes);
  index.data_hash = stored.empty() ? 0 : stored[0];
  if (index.data_hash == 0) return index;
  auto const found = data_hash(index.contents, index.xxh64, index.view_labels,
                               index.statistics);
  if (index.data_hash != found)
    throw error("its columns were changed (data hash is {}, stored as {})",
                to_hex(found), to_hex(index.data_hash));
  check_labels(index);
  return index;
}

}  // namespace

std::uint64_t data_hash(FeatureStoreContents const& contents,
                        std::vector<std::uint64_t> const& xxh64,
                        std::vector<std::int16_t> const& view_labels,
                        Statistics const& statistics) {
  Xxh64 hash;
  hash.update(std::as_bytes(std::span(xxh64)));
  hash.update(std::as_bytes(std::span(view_labels)));
  for (auto const* stream : {&statistics.semantic, &statistics.motion}) {
    hash.update(std::as_bytes(std::span(stream->mean)));
    hash.update(std::as_bytes(std::span(stream->std)));
  }
  auto const index = index_hash(contents);
  hash.update(std::as_bytes(std::span(&index, 1)));
  return hash.digest();
}

Result<Index> read_index(std::filesystem::path const& path) {
  h5::silence();
  try {
    auto const stored = h5::open_stored(path);
    return read_open_file(stored.file.get(), stored.size_bytes);
  } catch (Error const& why) {
    return failure(
        "{} is no usable feature store ({}). Try gasm extract to make it "
        "anew",
        path.string(), why.what());
  }
}

Result<void> create(std::filesystem::path const& path,
                    FeatureStoreContents const& contents) {
  try {
    h5::create_reserved(path.string(), size_bound_bytes(contents),
                        [&](hid_t file) { lay_out(file, contents); });
  } catch (Error const& why) {
    return tl::unexpected(why);
  }
  return {};
}

}  // namespace gasm::feature_file
