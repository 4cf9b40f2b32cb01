// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <hdf5.h>

#include <fstream>

#include "gasm/base/file.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/store/feature_store.hpp"
#include "gasm/store/record_reader.hpp"
#include "support/clip_files.hpp"
#include "support/feature_files.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class BadFeatures : public testing::Test {
 protected:
  void SetUp() override {
    path_ = folder_ / "features.h5";
    write_fake_store(Communicator::self(), path_, contents_);
    file_ = value_or_throw(read_text(path_));
  }

  void overwrite(std::string const& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
  }

  std::string why_not_open() const {
    auto const store = FeatureStore::open(path_);
    return store ? "it opened" : store.error().what();
  }

  /// The file as it was, with a change made by HDF5 itself.
  template <class Change>
  void change(Change const& body) const {
    overwrite(file_);
    hid_t const file = H5Fopen(path_.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    body(file);
    H5Fclose(file);
  }

  void set_attribute(char const* name, void const* value) const {
    change([&](hid_t file) {
      hid_t const attribute = H5Aopen(file, name, H5P_DEFAULT);
      hid_t const type = H5Aget_type(attribute);
      EXPECT_GE(H5Awrite(attribute, type, value), 0);
      H5Tclose(type);
      H5Aclose(attribute);
    });
  }

  /// Adds `by` to the first number of a column.
  template <class T>
  void raise(char const* name, hid_t type, T by) const {
    change([&](hid_t file) {
      hid_t const column = H5Dopen2(file, name, H5P_DEFAULT);
      hid_t const space = H5Dget_space(column);
      std::vector<T> rows(
          static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
      H5Dread(column, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data());
      rows[0] = static_cast<T>(rows[0] + by);
      EXPECT_GE(
          H5Dwrite(column, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data()),
          0);
      H5Sclose(space);
      H5Dclose(column);
    });
  }

  /// An array of zeros of another shape or type, in a column's place.
  void replace(char const* name, hid_t type,
               std::vector<hsize_t> const& shape) const {
    change([&](hid_t file) {
      EXPECT_GE(H5Ldelete(file, name, H5P_DEFAULT), 0);
      hid_t const creation = H5Pcreate(H5P_DATASET_CREATE);
      H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
      hid_t const space = H5Screate_simple(static_cast<int>(shape.size()),
                                           shape.data(), nullptr);
      hid_t const array = H5Dcreate2(file, name, type, space, H5P_DEFAULT,
                                     creation, H5P_DEFAULT);
      EXPECT_GE(array, 0);
      H5Dclose(array);
      H5Sclose(space);
      H5Pclose(creation);
    });
  }

  TempFolder folder_;
  std::filesystem::path path_;
  FeatureStoreContents contents_ = fake_contents(5, 3);
  std::string file_;
};

TEST_F(BadFeatures, MissingForeignOrEmpty) {
  overwrite("this is a text file, and no store at all\n");
  EXPECT_THAT(why_not_open(),
              AllOf(HasSubstr(path_.string() + " is no usable feature store"),
                    HasSubstr("signature")));
  overwrite("");
  EXPECT_THAT(why_not_open(), HasSubstr("signature"));
  std::filesystem::remove(path_);
  EXPECT_THAT(why_not_open(), AllOf(HasSubstr(path_.string()),
                                    HasSubstr("No such file or directory")));
}

TEST_F(BadFeatures, NotFinished) {
  auto const path = folder_ / "other.h5";
  {
    auto writer = FeatureWriter::open(Communicator::self(), path, contents_,
                                      UnfinishedUse::go_on);
    value_or_throw(write_fake_unit(writer, contents_, 0));
  }
  std::filesystem::rename(path.string() + ".partial", path_);
  EXPECT_THAT(why_not_open(),
              AllOf(HasSubstr(path_.string() + " is still being written"),
                    HasSubstr("Try again later")));
}

TEST_F(BadFeatures, NewerSchemaVersion) {
  std::uint64_t const version = 3;
  set_attribute("schema_version", &version);
  EXPECT_THAT(why_not_open(),
              HasSubstr("its schema version is 3, written by a newer program; "
                        "this one reads 2"));
}

TEST_F(BadFeatures, ClipsInTheirPlaceAndTheReverse) {
  auto const clips = fake_clips({100, 40});
  auto const clips_path = folder_ / "clips.h5";
  write_clip_store(Communicator::self(), clips_path, clips.contents,
                   clips.source());
  auto const features = FeatureStore::open(clips_path);
  ASSERT_FALSE(features.has_value());
  EXPECT_THAT(features.error().what(),
              AllOf(HasSubstr(clips_path.string()),
                    HasSubstr("its schema is 'gasm.clips', wanted "
                              "'gasm.features'")));
  auto const store = ClipStore::open(path_);
  ASSERT_FALSE(store.has_value());
  EXPECT_THAT(store.error().what(), HasSubstr("its schema is 'gasm.features', "
                                              "wanted 'gasm.clips'"));
}

TEST_F(BadFeatures, TruncatedAnywhere) {
  for (std::size_t size = 0; size < file_.size(); size += 97) {
    overwrite(file_.substr(0, size));
    EXPECT_THAT(why_not_open(), HasSubstr(path_.string())) << size;
  }
  overwrite(file_.substr(0, file_.size() - 1));
  EXPECT_THAT(why_not_open(), HasSubstr("truncated"));
}

TEST_F(BadFeatures, FlippedByteInOneView) {
  // Clip 3 ("10") has the records 9, 10 and 11.
  for (std::size_t part = 0; part < 2; ++part) {
    overwrite(file_);
    auto const range =
        value_or_throw(FeatureStore::open(path_)).range(10, part);
    auto changed = file_;
    changed[range.start + 7] = static_cast<char>(changed[range.start + 7] ^ 1);
    overwrite(changed);
    for (auto const check : {ByteCheck::every_read, ByteCheck::first_read}) {
      auto const store = value_or_throw(FeatureStore::open(path_, check));
      auto const resident = make_resident_reader(Communicator::self(), store);
      for (std::int64_t record = 0; record < 15; ++record) {
        auto const found = read_record(store, record);
        EXPECT_EQ(found.has_value(), record != 10);
        EXPECT_EQ(resident->read(record).has_value(), record != 10);
        if (!found) {
          EXPECT_THAT(
              found.error().what(),
              AllOf(HasSubstr("clip '10' (view 1)"), HasSubstr(path_.string()),
                    HasSubstr("have changed")));
        }
      }
    }
  }
}

TEST_F(BadFeatures, ChangedColumns) {
  raise<std::int16_t>("label", H5T_NATIVE_INT16, 1);
  EXPECT_THAT(why_not_open(), HasSubstr("columns were changed (index_hash"));
  raise<std::uint32_t>("num_frames", H5T_NATIVE_UINT32, 1);
  EXPECT_THAT(why_not_open(), HasSubstr("columns were changed (index_hash"));
  raise<float>("positions/motion_places", H5T_NATIVE_FLOAT, 0.01F);
  EXPECT_THAT(why_not_open(), HasSubstr("columns were changed (index_hash"));
  raise<std::int16_t>("view_label", H5T_NATIVE_INT16, 1);
  EXPECT_THAT(why_not_open(), HasSubstr("columns were changed (data hash"));
  raise<std::uint64_t>("xxh64", H5T_NATIVE_UINT64, 1);
  EXPECT_THAT(why_not_open(), HasSubstr("columns were changed (data hash"));
  raise<std::uint64_t>("seal", H5T_NATIVE_UINT64, 1);
  EXPECT_THAT(why_not_open(), HasSubstr("columns were changed (data hash"));
}

TEST_F(BadFeatures, AttributesThatMakeNoSense) {
  set_attribute("views", "some");
  EXPECT_THAT(why_not_open(),
              HasSubstr("its 'views' are 'some', wanted 'test' or 'random'"));
  std::uint64_t const batch = 0;
  set_attribute("batch", &batch);
  EXPECT_THAT(why_not_open(), HasSubstr("its 'batch' is no number of clips"));
}

TEST_F(BadFeatures, WrongShapesAndTypes) {
  replace("semantic", H5T_IEEE_F32LE, {5, 3, 2, 3});
  EXPECT_THAT(why_not_open(), HasSubstr("'semantic' is not of the shape [5 "));
  replace("semantic", H5T_IEEE_F32LE, {4, 3, 2, 3, 4});
  EXPECT_THAT(why_not_open(), HasSubstr("'semantic' is not of the shape [5 "));
  replace("motion", H5T_STD_I32LE, {5, 3, 1, 2, 5});
  EXPECT_THAT(why_not_open(), HasSubstr("'motion' holds neither half nor"));
  // Each for itself would do.
  replace("motion", H5T_IEEE_F32LE, {5, 3, 1, 2, 5});
  EXPECT_THAT(why_not_open(),
              HasSubstr("'semantic' and 'motion' have other types or numbers "
                        "of views"));
  replace("view_label", H5T_STD_I16LE, {15});
  EXPECT_THAT(why_not_open(), HasSubstr("'view_label' has another shape"));
  replace("xxh64", H5T_STD_U64LE, {5, 2});
  EXPECT_THAT(why_not_open(), HasSubstr("'xxh64' has another shape"));
  replace("xxh64", H5T_STD_I64LE, {5, 3});
  EXPECT_THAT(why_not_open(), HasSubstr("'xxh64' has another element type"));
  replace("num_frames", H5T_STD_U32LE, {4});
  EXPECT_THAT(why_not_open(), HasSubstr("have 5, 5 and 4 rows"));
  replace("positions/semantic_times", H5T_IEEE_F32LE, {3, 2});
  EXPECT_THAT(why_not_open(), HasSubstr("semantic_times' has another shape"));
}

TEST_F(BadFeatures, NeitherStream) {
  change([](hid_t file) {
    H5Ldelete(file, "semantic", H5P_DEFAULT);
    H5Ldelete(file, "motion", H5P_DEFAULT);
  });
  EXPECT_THAT(why_not_open(), HasSubstr("neither 'semantic' nor 'motion'; it "
                                        "holds: classes, id, label"));
}

// Whatever byte changes, the store says so or gives the very same features.
TEST_F(BadFeatures, NoFlippedByteGivesWrongData) {
  auto const wanted_hash =
      value_or_throw(FeatureStore::open(path_)).data_hash();
  int num_noticed = 0;
  for (std::size_t at = 0; at < file_.size(); at += 11) {
    auto changed = file_;
    changed[at] = static_cast<char>(changed[at] ^ 0x55);
    overwrite(changed);
    auto const store = FeatureStore::open(path_);
    if (!store) {
      ++num_noticed;
      continue;
    }
    EXPECT_EQ(index_hash(store->contents()), index_hash(contents_));
    EXPECT_EQ(store->data_hash(), wanted_hash);
    for (std::int64_t record = 0; record < store->num_records(); ++record) {
      auto const found = read_record(*store, record);
      if (!found) {
        ++num_noticed;
        continue;
      }
      auto const semantic =
          fake_features(contents_, record / 3, record % 3, Stream::semantic);
      EXPECT_TRUE(std::ranges::equal(found->parts[0], semantic)) << at;
    }
  }
  // 15 views of 48 + 20 bytes are but a part of what is noticed.
  EXPECT_GT(num_noticed, 15 * 68 / 11);
}

}  // namespace
}  // namespace gasm
