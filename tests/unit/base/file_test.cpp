// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <iterator>

#include "gasm/base/exchange_names.hpp"
#include "support/faulty_files.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(PublishFile, IsTheOldOrTheNewAtAnyFault) {
  TempFolder const temp;
  value_or_throw(publish_file(temp / "f", "old"));
  bool published = false;
  int num_failed = 0;
  for (int n = 0; !published; ++n) {
    ASSERT_LT(n, 20);
    set_write_fault(n, ENOSPC);
    auto const done = publish_file(temp / "f", "new");
    set_write_fault(-1, 0);
    published = done.has_value();
    EXPECT_EQ(value_or_throw(read_text(temp / "f")), published ? "new" : "old");
    EXPECT_EQ(std::distance(fs::directory_iterator(temp.path()), {}), 1);
    if (done) continue;
    ++num_failed;
    EXPECT_THAT(done.error().what(), HasSubstr("No space left"));
    EXPECT_THAT(done.error().what(), HasSubstr("Try to free space"));
  }
  EXPECT_GE(num_failed, 2);
}

TEST(FileWriter, AppendsAndTakesBack) {
  TempFolder const temp;
  auto file =
      value_or_throw(FileWriter::open(temp / "f", FileWriter::Mode::append));
  value_or_throw(file.write("one\n"));
  value_or_throw(file.write("tw"));
  EXPECT_EQ(file.size_bytes(), 6U);
  value_or_throw(file.truncate(4));
  value_or_throw(file.close());
  auto again =
      value_or_throw(FileWriter::open(temp / "f", FileWriter::Mode::append));
  value_or_throw(again.write("two\n"));
  EXPECT_EQ(value_or_throw(read_text(temp / "f")), "one\ntwo\n");
}

TEST(PublishSymlink, ReplacesTheOldOne) {
  TempFolder const temp;
  value_or_throw(publish_symlink(temp / "latest", "step-1"));
  value_or_throw(publish_symlink(temp / "latest", "step-2"));
  EXPECT_EQ(fs::read_symlink(temp / "latest"), "step-2");
}

TEST(MakeFolder, MakesParentsAndNamesWhatIsInTheWay) {
  TempFolder const temp;
  value_or_throw(make_folder(temp / "a/b/c"));
  value_or_throw(make_folder(temp / "a/b/c"));
  EXPECT_TRUE(fs::is_directory(temp / "a/b/c"));
  value_or_throw(publish_file(temp / "f", "text"));
  auto const made = make_folder(temp / "f/d");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().what(), HasSubstr((temp / "f").string()));
}

TEST(RemoveTree, FollowsNoLink) {
  TempFolder const temp;
  value_or_throw(make_folder(temp / "kept"));
  value_or_throw(publish_file(temp / "kept/f", "text"));
  value_or_throw(make_folder(temp / "gone/below"));
  value_or_throw(publish_file(temp / "gone/below/f", "text"));
  fs::create_symlink(temp / "kept", temp / "gone/link");
  value_or_throw(remove_tree(temp / "gone"));
  value_or_throw(remove_tree(temp / "never was"));
  EXPECT_FALSE(fs::exists(temp / "gone"));
  EXPECT_TRUE(fs::exists(temp / "kept/f"));
}

class ExchangeNames : public ::testing::Test {
 protected:
  ExchangeNames() {
    for (auto const* name : {"a", "b"}) {
      value_or_throw(make_folder(temp / name));
      value_or_throw(publish_file(temp / name / "f", name));
    }
  }
  std::string text_in(char const* name) {
    return value_or_throw(read_text(temp / name / "f"));
  }
  void expect_exchanged(bool is_done) {
    EXPECT_EQ(text_in("a"), is_done ? "b" : "a");
    EXPECT_EQ(text_in("b"), is_done ? "a" : "b");
  }
  TempFolder temp;
};

TEST_F(ExchangeNames, OfTwoFolders) {
  EXPECT_TRUE(value_or_throw(exchange_names(temp / "a", temp / "b")));
  expect_exchanged(true);
}

TEST_F(ExchangeNames, IsRefusedByAFileSystemThatCannot) {
  FaultyFiles files;
  files.refuse_exchange();
  EXPECT_FALSE(value_or_throw(exchange_names(temp / "a", temp / "b")));
  expect_exchanged(false);
}

TEST_F(ExchangeNames, HasNotHappenedWhereItFails) {
  FaultyFiles files;
  for (long call = 0; call < 2; ++call) {
    files.fail_at(call, FaultyFiles::Fault::io_error_once);
    auto const done = exchange_names(temp / "a", temp / "b");
    files.fail_at(0, FaultyFiles::Fault::none);
    ASSERT_FALSE(done) << call;
    EXPECT_THAT(done.error().what(), HasSubstr(temp.path().string()));
    expect_exchanged(false);
  }
  auto const missing = exchange_names(temp / "none", temp / "b");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().what(), HasSubstr("No such file"));
}

TEST_F(ExchangeNames, OutlivesACrashOnceItIsSynced) {
  FaultyFiles files;
  value_or_throw(exchange_names(temp / "a", temp / "b"));
  files.lose_power(temp.path(), FaultyFiles::Names::lost);
  expect_exchanged(true);
  auto const a = temp / "a";
  auto const b = temp / "b";
  value_or_throw(publish_rename(a / "f", a / "g"));
  ASSERT_EQ(file_calls().rename((a / "g").c_str(), (a / "f").c_str()), 0);
  ASSERT_EQ(file_calls().exchange(a.c_str(), b.c_str()), 0);
  expect_exchanged(false);
  files.lose_power(temp.path(), FaultyFiles::Names::lost);
  EXPECT_EQ(value_or_throw(read_text(a / "g")), "b");
  EXPECT_EQ(text_in("b"), "a");
}

// What every other test of a crash relies on.
TEST(FaultyFiles, KeepsWhatWasSyncedAndNoMore) {
  TempFolder const temp;
  FaultyFiles files;
  value_or_throw(publish_file(temp / "f", "synced"));
  {
    auto file =
        value_or_throw(FileWriter::open(temp / "f", FileWriter::Mode::append));
    value_or_throw(file.write(" and not"));
  }
  ASSERT_EQ(::rename((temp / "f").c_str(), (temp / "g").c_str()), 0);
  ASSERT_EQ(file_calls().rename((temp / "g").c_str(), (temp / "h").c_str()), 0);
  files.lose_power(temp.path(), FaultyFiles::Names::lost);
  EXPECT_EQ(value_or_throw(read_text(temp / "g")), "synced");
  EXPECT_FALSE(fs::exists(temp / "h"));

  files.lie_about_sync();
  value_or_throw(publish_file(temp / "lost", "text"));
  files.lose_power(temp.path(), FaultyFiles::Names::kept);
  EXPECT_EQ(value_or_throw(read_text(temp / "lost")), "");
}

TEST(ReadText, NamesWhatIsMissing) {
  auto const text = read_text("/nonexistent/file");
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().what(), HasSubstr("/nonexistent/file"));
}

}  // namespace
}  // namespace gasm
