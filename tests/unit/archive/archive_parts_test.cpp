// SPDX-License-Identifier: Apache-2.0
#include "gasm/archive/archive_parts.hpp"

#include <gmock/gmock.h>

#include "archive_files.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string const gzip_start = "\x1f\x8b\x08\x01 and so on";

std::vector<std::string> problems(TempFolder const& folder) {
  return find_part_problems(value_or_throw(find_parts(folder.path())));
}

TEST(FindParts, OrdersThemByNumberAndLeavesOthers) {
  TempFolder const folder;
  put(folder / "set-v2-02", "ccc");
  put(folder / "set-v2-00", gzip_start);
  put(folder / "set-v2-01", "bb");
  put(folder / "set-v2-01.crdownload", "b");
  put(folder / "readme.txt", "");
  auto const found = value_or_throw(find_parts(folder.path()));
  EXPECT_EQ(found.stem, "set-v2");
  ASSERT_EQ(found.parts.size(), 3U);
  EXPECT_EQ(found.parts[0].name(), "set-v2-00");
  EXPECT_EQ(found.parts[2].number, 2);
  EXPECT_EQ(found.parts[2].num_bytes, 3U);
  EXPECT_EQ(found.num_bytes(), gzip_start.size() + 5);
  EXPECT_THAT(found.strangers, ElementsAre("set-v2-01.crdownload"));
  EXPECT_THAT(find_part_problems(found), IsEmpty());
}

TEST(FindParts, TakesOneFile) {
  TempFolder const folder;
  put(folder / "all.tgz", gzip_start);
  auto const found = value_or_throw(find_parts(folder / "all.tgz"));
  EXPECT_EQ(found.stem, "all.tgz");
  EXPECT_EQ(found.parts.size(), 1U);
  EXPECT_THAT(find_part_problems(found), IsEmpty());
}

TEST(FindParts, RefusesWhatHoldsNoneOrTwoArchives) {
  TempFolder const folder;
  EXPECT_THAT(find_parts(folder.path()).error().what(),
              HasSubstr("holds no parts"));
  EXPECT_THAT(find_parts(folder / "gone").error().what(),
              HasSubstr("cannot read the folder"));
  put(folder / "a-00", gzip_start);
  put(folder / "b-00", gzip_start);
  EXPECT_THAT(find_parts(folder.path()).error().what(),
              HasSubstr("several archives (a-00 and b-00)"));
}

TEST(PartProblems, NamesMissingAndEmptyParts) {
  TempFolder const folder;
  put(folder / "x-01", "");
  put(folder / "x-04", "rest");
  EXPECT_THAT(problems(folder),
              ElementsAre("x-00 is missing. Try to fetch it",
                          "x-01 is empty. Try to fetch it again",
                          "x-02 is missing. Try to fetch it",
                          "x-03 is missing. Try to fetch it"));
}

TEST(PartProblems, ALonelyLaterPartLacksThoseBeforeIt) {
  TempFolder const folder;
  put(folder / "x-01", "rest");
  EXPECT_THAT(problems(folder),
              ElementsAre("x-00 is missing. Try to fetch it"));
}

TEST(PartProblems, SaysWhatAFirstPartThatIsNoGzipLooksLike) {
  TempFolder const folder;
  put(folder / "x-00", "<!DOCTYPE html><title>Log in</title>");
  EXPECT_THAT(problems(folder),
              ElementsAre(AllOf(HasSubstr("x-00 is no gzip file"),
                                HasSubstr("looks like a web page"))));
  put(folder / "x-00", "PK\x03\x04");
  EXPECT_THAT(problems(folder), ElementsAre(HasSubstr("zip archive")));
}

TEST(PartProblems, FindsThePartThatBeginsTheArchive) {
  TempFolder const folder;
  put(folder / "x-00", "the second half");
  put(folder / "x-01", gzip_start);
  EXPECT_THAT(problems(folder),
              ElementsAre(HasSubstr("x-00 does not begin the archive, but x-01 "
                                    "does (misnamed, or in the wrong order)")));
}

}  // namespace
}  // namespace gasm
