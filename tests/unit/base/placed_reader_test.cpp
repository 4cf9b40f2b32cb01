// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/placed_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "gasm/base/file.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

TEST(PlacedReader, ReadsAnyPlace) {
  TempFolder const folder;
  value_or_throw(publish_file(folder / "a", "0123456789"));
  auto const file = value_or_throw(PlacedReader::open(folder / "a"));
  EXPECT_EQ(file.size_bytes(), 10U);
  std::string text(4, ' ');
  auto const read = [&](std::uint64_t start) {
    return file.read(start, std::as_writable_bytes(std::span(text)));
  };
  ASSERT_TRUE(read(6));
  EXPECT_EQ(text, "6789");
  ASSERT_TRUE(read(0));
  EXPECT_EQ(text, "0123");
  auto const done = read(7);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().what(), HasSubstr("ends 1 bytes too early"));
  text.clear();
  EXPECT_TRUE(read(10));
}

TEST(PlacedReader, AFileThatShrinksIsAnError) {
  TempFolder const folder;
  value_or_throw(publish_file(folder / "a", "0123456789"));
  auto const file = value_or_throw(PlacedReader::open(folder / "a"));
  std::filesystem::resize_file(folder / "a", 2);
  std::string text(4, ' ');
  EXPECT_FALSE(file.read(0, std::as_writable_bytes(std::span(text))));
}

TEST(PlacedReader, RefusesWhatIsNoOrdinaryFile) {
  TempFolder const folder;
  EXPECT_FALSE(PlacedReader::open(folder / "missing"));
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (auto const& path : {folder.path(), folder / "pipe"}) {
    auto const file = PlacedReader::open(path);
    ASSERT_FALSE(file);
    EXPECT_THAT(file.error().what(), HasSubstr("no ordinary file"));
  }
}

}  // namespace
}  // namespace gasm
