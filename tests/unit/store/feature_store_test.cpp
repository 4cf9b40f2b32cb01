// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/feature_store.hpp"

#include <gmock/gmock.h>
#include <hdf5.h>

#include <array>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "gasm/base/file.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/store/record_reader.hpp"
#include "gasm/store/write_clip_store.hpp"
#include "support/clip_files.hpp"
#include "support/feature_files.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// Both streams of all clips, as they stand in the file.
std::string all_features(FeatureStoreContents const& contents, Stream stream) {
  std::vector<std::byte> all;
  for (std::int64_t i = 0; i < std::ssize(contents.clips); ++i)
    for (std::int64_t v = 0; v < contents.num_views; ++v)
      for (auto const byte : fake_features(contents, i, v, stream))
        all.push_back(byte);
  return raw_bytes(all);
}

/// The parts of a record, one after the other.
std::vector<std::byte> bytes_of(RecordBytes const& record) {
  std::vector<std::byte> bytes;
  for (auto const& part : record.parts)
    bytes.insert(bytes.end(), part.begin(), part.end());
  return bytes;
}

std::vector<std::byte> wanted_record(FeatureStoreContents const& contents,
                                     std::int64_t clip, std::int64_t view) {
  auto bytes = fake_features(contents, clip, view, Stream::semantic);
  auto const motion = fake_features(contents, clip, view, Stream::motion);
  bytes.insert(bytes.end(), motion.begin(), motion.end());
  return bytes;
}

/// Writes `contents` and compares all that the reader gives.
void expect_round_trip(FeatureStoreContents const& contents) {
  TempFolder folder;
  auto const path = folder / "features.h5";
  write_fake_store(Communicator::self(), path, contents);
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".partial"));
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".partial.journal"));

  auto const store = value_or_throw(FeatureStore::open(path));
  ASSERT_EQ(store.size(), std::ssize(contents.clips));
  EXPECT_EQ(index_hash(store.contents()), index_hash(contents));
  EXPECT_EQ(store.split(), contents.split);
  EXPECT_EQ(store.classes(), contents.classes);
  EXPECT_EQ(store.contents().provenance, contents.provenance);
  EXPECT_EQ(store.num_views(), contents.num_views);
  EXPECT_EQ(store.num_records(), store.size() * contents.num_views);
  EXPECT_EQ(store.num_parts(),
            (contents.semantic ? 1U : 0U) + (contents.motion ? 1U : 0U));
  auto const resident = make_resident_reader(Communicator::self(), store);
  auto const direct = make_direct_reader(store);
  for (std::int64_t i = 0; i < store.size(); ++i) {
    auto const& clip = contents.clips[static_cast<std::size_t>(i)];
    EXPECT_EQ(store.id(i), clip.id);
    EXPECT_EQ(store.label(i), clip.label);
    EXPECT_EQ(store.contents().clips[static_cast<std::size_t>(i)].num_frames,
              clip.num_frames);
    for (std::int64_t v = 0; v < contents.num_views; ++v) {
      auto const record = store.record_of(i, v);
      EXPECT_EQ(record, i * contents.num_views + v);
      EXPECT_EQ(store.record_label(record), fake_view_label(contents, i, v));
      auto const wanted = wanted_record(contents, i, v);
      EXPECT_EQ(bytes_of(value_or_throw(read_record(store, record))), wanted);
      EXPECT_EQ(bytes_of(value_or_throw(resident->read(record))), wanted);
      EXPECT_EQ(bytes_of(value_or_throw(direct->read(record))), wanted);
    }
  }
}

TEST(FeatureStore, GivesBackTwoStreamsInHalfPrecision) {
  expect_round_trip(fake_contents(7, 3));
}

TEST(FeatureStore, GivesBackSinglePrecision) {
  auto contents = fake_contents(5, 2);
  contents.type = FeatureType::fp32;
  expect_round_trip(contents);
}

TEST(FeatureStore, GivesBackOneStream) {
  auto contents = fake_contents(4, 2);
  contents.motion.reset();
  expect_round_trip(contents);
  contents = fake_contents(4, 2);
  contents.semantic.reset();
  contents.type = FeatureType::fp32;
  contents.views = FeatureViews::random;
  expect_round_trip(contents);
}

TEST(FeatureStore, GivesBackOneClip) {
  auto contents = fake_contents(1);
  contents.batch = 100;
  contents.provenance.clear();
  contents.clips[0].label = -1;
  expect_round_trip(contents);
}

TEST(FeatureStore, KnowsShapesTimesAndPlaces) {
  TempFolder folder;
  auto const contents = fake_contents(3);
  write_fake_store(Communicator::self(), folder / "f.h5", contents);
  auto const store = value_or_throw(FeatureStore::open(folder / "f.h5"));
  auto const& found = store.contents();
  EXPECT_EQ(found.semantic->shape, (FeatureShape{2, 3, 4}));
  EXPECT_EQ(found.motion->shape, (FeatureShape{1, 2, 5}));
  using Pair = std::array<float, 2>;
  EXPECT_THAT(found.semantic->times,
              ElementsAre(Pair{0.0F, 0.25F}, Pair{0.25F, 0.5F}));
  EXPECT_THAT(
      found.semantic->places,
      ElementsAre(Pair{0.5F, 0.0F}, Pair{0.5F, 0.125F}, Pair{0.5F, 0.25F}));
  EXPECT_THAT(found.motion->places,
              ElementsAre(Pair{0.5F, 0.0F}, Pair{0.5F, 0.125F}));
  EXPECT_EQ(found.semantic_bytes(), 48U);  // 2 * 3 * 4 halves
  EXPECT_EQ(found.motion_bytes(), 20U);
  EXPECT_EQ(store.range(2, 1).start - store.range(1, 1).start, 20U);
}

TEST(FeatureStore, HalvesAreThoseOfTheStandard) {
  // The table of IEEE 754: 1, -2, 1.5 * 2^6 and 2047.
  EXPECT_EQ(half_of(1), 0x3c00);
  EXPECT_EQ(half_of(-2), 0xc000);
  EXPECT_EQ(half_of(96), 0x5600);
  EXPECT_EQ(half_of(2047), 0x67ff);
}

// ---- the layout, as docs/formats.md has it, by HDF5 alone

class PlainHdf5 : public testing::Test {
 protected:
  void SetUp() override {
    path_ = folder_ / "features.h5";
    write_fake_store(Communicator::self(), path_, contents_);
    store_ = std::make_unique<FeatureStore>(
        value_or_throw(FeatureStore::open(path_)));
    file_ = H5Fopen(path_.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    ASSERT_GE(file_, 0);
  }
  void TearDown() override { H5Fclose(file_); }

  std::vector<hsize_t> shape_of(char const* name) const {
    hid_t const dataset = H5Dopen2(file_, name, H5P_DEFAULT);
    hid_t const space = H5Dget_space(dataset);
    std::vector<hsize_t> shape(
        static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)));
    H5Sget_simple_extent_dims(space, shape.data(), nullptr);
    H5Sclose(space);
    H5Dclose(dataset);
    return shape;
  }

  template <class T>
  std::vector<T> values_of(char const* name, hid_t type) const {
    std::size_t num = 1;
    for (auto const dim : shape_of(name)) num *= dim;
    std::vector<T> values(num);
    hid_t const dataset = H5Dopen2(file_, name, H5P_DEFAULT);
    EXPECT_GE(
        H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0)
        << name;
    H5Dclose(dataset);
    return values;
  }

  TempFolder folder_;
  std::filesystem::path path_;
  FeatureStoreContents contents_ = fake_contents(5, 3);
  std::unique_ptr<FeatureStore> store_;
  hid_t file_ = -1;
};

TEST_F(PlainHdf5, ValuesAreNumbersToAnyReader) {
  EXPECT_THAT(shape_of("semantic"), ElementsAre(5, 3, 2, 3, 4));
  EXPECT_THAT(shape_of("motion"), ElementsAre(5, 3, 1, 2, 5));
  // HDF5 converts halves by the type that the file describes.
  auto const semantic = values_of<float>("semantic", H5T_NATIVE_FLOAT);
  auto const motion = values_of<double>("motion", H5T_NATIVE_DOUBLE);
  for (std::int64_t i = 0; i < 5; ++i)
    for (std::int64_t v = 0; v < 3; ++v) {
      for (std::int64_t k = 0; k < 24; ++k)
        EXPECT_EQ(semantic[static_cast<std::size_t>((3 * i + v) * 24 + k)],
                  static_cast<float>(fake_value(i, v, Stream::semantic, k)));
      for (std::int64_t k = 0; k < 10; ++k)
        EXPECT_EQ(motion[static_cast<std::size_t>((3 * i + v) * 10 + k)],
                  fake_value(i, v, Stream::motion, k));
    }
}

TEST_F(PlainHdf5, ColumnsOfClipsAndViews) {
  EXPECT_THAT(values_of<std::int16_t>("label", H5T_NATIVE_INT16),
              ElementsAre(0, 1, 2, -1, 0));
  EXPECT_THAT(values_of<std::uint32_t>("num_frames", H5T_NATIVE_UINT32),
              ElementsAre(20, 21, 22, 23, 24));
  EXPECT_THAT(shape_of("view_label"), ElementsAre(5, 3));
  EXPECT_THAT(values_of<std::int16_t>("view_label", H5T_NATIVE_INT16),
              ElementsAre(0, 1, 0, 1, 2, 1, 2, 0, 2, -1, -1, -1, 0, 1, 0));
  EXPECT_THAT(shape_of("positions/semantic_times"), ElementsAre(2, 2));
  EXPECT_THAT(values_of<float>("positions/semantic_times", H5T_NATIVE_FLOAT),
              ElementsAre(0.0F, 0.25F, 0.25F, 0.5F));
  EXPECT_THAT(shape_of("positions/motion_places"), ElementsAre(2, 2));
  hid_t const text = H5Tcopy(H5T_C_S1);
  H5Tset_size(text, 2);
  H5Tset_strpad(text, H5T_STR_NULLPAD);
  H5Tset_cset(text, H5T_CSET_UTF8);
  hid_t const column = H5Dopen2(file_, "id", H5P_DEFAULT);
  std::string ids(10, '?');
  EXPECT_GE(H5Dread(column, text, H5S_ALL, H5S_ALL, H5P_DEFAULT, ids.data()),
            0);
  H5Dclose(column);
  H5Tclose(text);
  EXPECT_EQ(ids, std::string("1\0002\0005\0001017", 10));
  EXPECT_THAT(output_of("h5dump -a /schema " + path_.string()),
              HasSubstr("\"gasm.features\""));
}

TEST_F(PlainHdf5, HashesAreThoseOfTheDescription) {
  std::vector<std::uint64_t> checksums;
  for (std::int64_t i = 0; i < 5; ++i)
    for (std::int64_t v = 0; v < 3; ++v)
      checksums.push_back(xxh64(wanted_record(contents_, i, v)));
  EXPECT_EQ(values_of<std::uint64_t>("xxh64", H5T_NATIVE_UINT64), checksums);

  // Of the index, field by field.
  std::vector<std::byte> index;
  auto const add_text = [&](std::string const& text) {
    for (auto const c : text) index.push_back(static_cast<std::byte>(c));
    index.push_back(std::byte{0});
  };
  auto const add = [&](auto value) { append_bytes(index, value); };
  add_text("train");
  for (auto const& name : contents_.classes) add_text(name);
  add(std::uint64_t{5});
  std::array<std::int16_t, 5> const labels{0, 1, 2, -1, 0};
  for (std::uint32_t i = 0; i < 5; ++i) {
    add_text(std::to_string(i * i + 1));
    add(labels[i]);
    add(std::uint32_t{20 + i});
  }
  add_text("0123456789abcdef");
  add_text(contents_.provenance);
  add(std::uint8_t{2});  // bytes of a value
  add(std::uint8_t{0});  // views of a test
  add(std::int64_t{3});
  add(std::int64_t{2});
  auto const add_stream = [&](std::array<std::int64_t, 3> shape) {
    add(std::uint8_t{1});
    for (auto const dim : shape) add(dim);
    for (std::int64_t s = 0; s < shape[0]; ++s) {
      add(0.25F * static_cast<float>(s));
      add(0.25F * static_cast<float>(s + 1));
    }
    for (std::int64_t l = 0; l < shape[1]; ++l) {
      add(0.5F);
      add(0.125F * static_cast<float>(l));
    }
  };
  add_stream({2, 3, 4});
  add_stream({1, 2, 5});
  auto const index_hash = xxh64(index);
  EXPECT_THAT(output_of("h5dump -a /index_hash " + path_.string()),
              HasSubstr('"' + to_hex(index_hash) + '"'));

  auto const labels_of_views =
      values_of<std::int16_t>("view_label", H5T_NATIVE_INT16);
  EXPECT_THAT(shape_of("statistics/semantic"), ElementsAre(2, 4));
  EXPECT_THAT(shape_of("statistics/motion"), ElementsAre(2, 5));
  auto const statistics =
      raw_bytes(values_of<float>("statistics/semantic", H5T_NATIVE_FLOAT)) +
      raw_bytes(values_of<float>("statistics/motion", H5T_NATIVE_FLOAT));
  auto const seal = xxh64(raw_bytes(checksums) + raw_bytes(labels_of_views) +
                          statistics + raw_bytes(std::vector{index_hash}));
  EXPECT_THAT(values_of<std::uint64_t>("seal", H5T_NATIVE_UINT64),
              ElementsAre(seal));
  EXPECT_EQ(store_->data_hash(), seal);
}

TEST_F(PlainHdf5, ArraysAreRawBytesOfTheFile) {
  auto const file = value_or_throw(read_text(path_));
  for (std::size_t part = 0; part < 2; ++part) {
    auto const stream = part == 0 ? Stream::semantic : Stream::motion;
    auto const range = part_range(*store_, part);
    EXPECT_TRUE(file.substr(range.start, range.size) ==
                all_features(contents_, stream));
    hid_t const dataset =
        H5Dopen2(file_, part == 0 ? "semantic" : "motion", H5P_DEFAULT);
    EXPECT_EQ(H5Dget_offset(dataset), range.start);
    H5Dclose(dataset);
  }
}

TEST(FeatureStore, LargeArraysLieAlignedOnMegabytes) {
  TempFolder folder;
  auto contents = fake_contents(3);
  contents.semantic = fake_stream({4, 64, 64});  // 32 KiB a clip
  write_fake_store(Communicator::self(), folder / "f.h5", contents);
  auto const store = value_or_throw(FeatureStore::open(folder / "f.h5"));
  EXPECT_EQ(store.range(0, 0).start % (1 << 20), 0U);
}

TEST(FeatureStore, EqualContentsGiveEqualBytes) {
  TempFolder folder;
  write_fake_store(Communicator::self(), folder / "a.h5", fake_contents(5, 2));
  write_fake_store(Communicator::self(), folder / "b.h5", fake_contents(5, 2));
  EXPECT_EQ(value_or_throw(xxh64_file(folder / "a.h5")),
            value_or_throw(xxh64_file(folder / "b.h5")));
}

}  // namespace
}  // namespace gasm
