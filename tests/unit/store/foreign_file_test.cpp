// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <hdf5.h>

#include <string>

#include "gasm/base/file.hpp"
#include "gasm/store/clip_store.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

/// An HDF5 file whose root holds `num_groups` groups named g0000, g0001, ...,
/// in the format of HDF5 1.8 or in the first one.
enum class Format { first, of_1_8 };
void make_file(std::filesystem::path const& path, int num_groups,
               Format format = Format::of_1_8) {
  hid_t const access = H5Pcreate(H5P_FILE_ACCESS);
  if (format == Format::of_1_8)
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
  hid_t const file =
      H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
  H5Pclose(access);
  ASSERT_GE(file, 0);
  for (int i = 0; i < num_groups; ++i)
    H5Gclose(H5Gcreate2(file, fmt::format("g{:04}", i).c_str(), H5P_DEFAULT,
                        H5P_DEFAULT, H5P_DEFAULT));
  H5Fclose(file);
}

std::string why_not_open(std::filesystem::path const& path) {
  auto const store = ClipStore::open(path);
  return store ? "it opened" : store.error().what();
}

TEST(ForeignFile, NamesTenMembersAndCountsTheRest) {
  TempFolder folder;
  auto const path = folder / "foreign.h5";
  make_file(path, 2000);
  auto const why = why_not_open(path);
  EXPECT_THAT(why, HasSubstr("it holds: g0000, g0001, g0002, g0003, g0004, "
                             "g0005, g0006, g0007, g0008, g0009 and 1990 "
                             "more)"));
  make_file(path, 10);
  EXPECT_THAT(why_not_open(path), HasSubstr("g0008, g0009)"));
  make_file(path, 0);
  EXPECT_THAT(why_not_open(path), HasSubstr("it holds: nothing)"));
}

// The names of a large group lie in a heap. One whose heap is damaged still
// counts its members.
TEST(ForeignFile, EndsTheListAtTheFirstNameThatCannotBeRead) {
  TempFolder folder;
  auto const path = folder / "foreign.h5";
  make_file(path, 20);
  auto bytes = value_or_throw(read_text(path));
  auto const heap = bytes.find("FHDB");
  ASSERT_NE(heap, std::string::npos);
  bytes[heap] = 'X';
  value_or_throw(publish_file(path, bytes));
  EXPECT_THAT(why_not_open(path), HasSubstr("members that cannot be listed"));
}

// Nothing there tells damage, and HDF5 does not survive all of it.
TEST(ForeignFile, FormatWithoutChecksumsIsNotLookedInto) {
  TempFolder folder;
  auto const path = folder / "foreign.h5";
  make_file(path, 3, Format::first);
  EXPECT_THAT(why_not_open(path),
              HasSubstr("superblock version 0, whose metadata carry no "
                        "checksums; wanted 2 or later"));
}

// HDF5 itself would find a file at a later power of two (a user block).
TEST(ForeignFile, SignatureBelongsAtTheStart) {
  TempFolder folder;
  auto const path = folder / "foreign.h5";
  make_file(path, 3);
  auto const bytes = std::string(512, ' ') + value_or_throw(read_text(path));
  value_or_throw(publish_file(path, bytes));
  EXPECT_THAT(why_not_open(path),
              HasSubstr("does not begin with the signature of HDF5"));
}

}  // namespace
}  // namespace gasm
