// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <hdf5.h>

#include <fstream>

#include "gasm/base/file.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/store/record_reader.hpp"
#include "support/clip_files.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class BadStore : public testing::Test {
 protected:
  void SetUp() override {
    clips_ = fake_clips({100, 40, 700});
    path_ = folder_ / "clips.h5";
    write_clip_store(Communicator::self(), path_, clips_.contents,
                     clips_.source());
    file_ = value_or_throw(read_text(path_));
  }

  void overwrite(std::string const& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
  }

  std::string why_not_open() const {
    auto const store = ClipStore::open(path_);
    return store ? "it opened" : store.error().what();
  }

  /// Writes `value`, of the attribute's own type, over it.
  void set_attribute(char const* name, void const* value) const {
    hid_t const file = H5Fopen(path_.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t const attribute = H5Aopen(file, name, H5P_DEFAULT);
    hid_t const type = H5Aget_type(attribute);
    EXPECT_GE(H5Awrite(attribute, type, value), 0);
    H5Tclose(type);
    H5Aclose(attribute);
    H5Fclose(file);
  }

  void set_offset(std::uint64_t row, std::uint64_t value) const {
    hid_t const file = H5Fopen(path_.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t const column = H5Dopen2(file, "offset", H5P_DEFAULT);
    std::uint64_t rows[4];
    H5Dread(column, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows);
    rows[row] = value;
    H5Dwrite(column, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows);
    H5Dclose(column);
    H5Fclose(file);
  }

  TempFolder folder_;
  std::filesystem::path path_;
  FakeClips clips_;
  std::string file_;
};

TEST_F(BadStore, MissingFile) {
  std::filesystem::remove(path_);
  EXPECT_THAT(why_not_open(), AllOf(HasSubstr(path_.string()),
                                    HasSubstr("No such file or directory")));
}

TEST_F(BadStore, FolderInItsPlace) {
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_THAT(why_not_open(), HasSubstr("not a regular file"));
}

TEST_F(BadStore, NotHdf5) {
  overwrite("this is a text file, and no store at all\n");
  EXPECT_THAT(why_not_open(),
              AllOf(HasSubstr(path_.string()), HasSubstr("signature")));
  overwrite("");
  EXPECT_THAT(why_not_open(), HasSubstr(path_.string()));
}

TEST_F(BadStore, TruncatedAnywhere) {
  for (std::size_t size = 0; size < file_.size(); size += 97) {
    overwrite(file_.substr(0, size));
    EXPECT_THAT(why_not_open(), HasSubstr(path_.string())) << size;
  }
  overwrite(file_.substr(0, file_.size() - 1));
  EXPECT_THAT(why_not_open(), HasSubstr("truncated"));
}

TEST_F(BadStore, ForeignHdf5File) {
  auto const foreign = folder_ / "foreign.h5";
  output_of(fmt::format(
      "h5copy -i {} -o {}.first -s /label -d /features && "
      "h5repack --latest {}.first {}",
      path_.string(), foreign.string(), foreign.string(), foreign.string()));
  std::filesystem::rename(foreign, path_);
  EXPECT_THAT(why_not_open(), AllOf(HasSubstr("wanted 'gasm.clips'"),
                                    HasSubstr("it holds: features")));
}

TEST_F(BadStore, ForeignSchema) {
  set_attribute("schema", "gasm.other");
  EXPECT_THAT(why_not_open(),
              HasSubstr("its schema is 'gasm.other', wanted 'gasm.clips'"));
}

TEST_F(BadStore, OtherVersion) {
  std::uint64_t const version = 2;
  set_attribute("schema_version", &version);
  EXPECT_THAT(why_not_open(),
              HasSubstr("its schema version is 2, written by a newer program; "
                        "this one reads 1"));
}

TEST_F(BadStore, OffsetsThatDoNotFit) {
  set_offset(1, 900);
  EXPECT_THAT(why_not_open(), HasSubstr("does not grow at row 1 (900"));
  overwrite(file_);
  set_offset(3, 1000);
  EXPECT_THAT(why_not_open(),
              HasSubstr("ends at 1000, but 'data' has 840 bytes"));
  overwrite(file_);
  set_offset(0, 1);
  EXPECT_THAT(why_not_open(), HasSubstr("starts at 1"));
  overwrite(file_);
  set_offset(1, 101);  // grows, and ends rightly: only the hash tells
  EXPECT_THAT(why_not_open(), HasSubstr("columns were changed (index_hash"));
}

TEST_F(BadStore, FlippedByteInAClip) {
  auto const start = file_.find(
      std::string(reinterpret_cast<char const*>(clips_.bytes[1].data()), 40));
  ASSERT_NE(start, std::string::npos);
  file_[start + 17] = static_cast<char>(file_[start + 17] ^ 1);
  overwrite(file_);
  for (auto const check : {ByteCheck::every_read, ByteCheck::first_read}) {
    auto const store = value_or_throw(ClipStore::open(path_, check));
    EXPECT_TRUE(store.bytes(0).has_value());
    EXPECT_TRUE(store.bytes(2).has_value());
    auto const bad = store.bytes(1);
    ASSERT_FALSE(bad.has_value());
    EXPECT_THAT(bad.error().what(),
                AllOf(HasSubstr("clip '2'"), HasSubstr(path_.string()),
                      HasSubstr("has changed")));
    EXPECT_FALSE(store.bytes(1).has_value());
    auto const resident = make_resident_reader(Communicator::self(), store);
    EXPECT_TRUE(resident->read(0).has_value());
    ASSERT_FALSE(resident->read(1).has_value());
    EXPECT_STREQ(resident->read(1).error().what(), bad.error().what());
    EXPECT_TRUE(resident->read(2).has_value());
  }
}

TEST_F(BadStore, FirstReadCheckLooksOnce) {
  auto const store =
      value_or_throw(ClipStore::open(path_, ByteCheck::first_read));
  auto const strict = value_or_throw(ClipStore::open(path_));
  EXPECT_TRUE(store.bytes(1).has_value());
  auto const start = file_.find(
      std::string(reinterpret_cast<char const*>(clips_.bytes[1].data()), 40));
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(static_cast<long>(start))
      .put('?');
  EXPECT_TRUE(store.bytes(1).has_value());
  EXPECT_FALSE(strict.bytes(1).has_value());
}

// Whatever byte changes, the store says so or gives the very same clips.
TEST_F(BadStore, NoFlippedByteGivesWrongData) {
  int num_noticed = 0;
  for (std::size_t at = 0; at < file_.size(); at += 11) {
    auto changed = file_;
    changed[at] = static_cast<char>(changed[at] ^ 0x55);
    overwrite(changed);
    auto const store = ClipStore::open(path_);
    if (!store) {
      ++num_noticed;
      continue;
    }
    EXPECT_EQ(index_hash(store->contents()), index_hash(clips_.contents));
    EXPECT_EQ(data_hash(store->contents()), data_hash(clips_.contents));
    for (std::int64_t i = 0; i < store->size(); ++i) {
      auto const bytes = store->bytes(i);
      if (!bytes)
        ++num_noticed;
      else
        EXPECT_EQ(*bytes, clips_.bytes[static_cast<std::size_t>(i)]) << at;
    }
  }
  EXPECT_GT(num_noticed, 840 / 11);
}

}  // namespace
}  // namespace gasm
