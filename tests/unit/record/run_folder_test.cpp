// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/run_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <iterator>
#include <set>
#include <string>

#include "gasm/base/file.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

TEST(RunFolder, CreatesItsFoldersAndNothingElse) {
  TempFolder const temp;
  auto const root = temp / "runs" / "demo";
  for (int i = 0; i < 2; ++i) {  // the second time it is there already
    auto const folder = value_or_throw(RunFolder::create(root));
    EXPECT_TRUE(fs::is_directory(folder.checkpoints()));
    EXPECT_TRUE(fs::is_directory(folder.eval()));
    EXPECT_TRUE(fs::is_directory(root / "logs"));
    EXPECT_EQ(std::distance(fs::directory_iterator(root), {}), 3);
  }
}

TEST(RunFolder, NamesItsFiles) {
  RunFolder const folder("r");
  EXPECT_EQ(folder.config(), "r/config.yaml");
  EXPECT_EQ(folder.manifest(), "r/manifest.json");
  EXPECT_EQ(folder.metrics(), "r/metrics.jsonl");
  EXPECT_EQ(folder.alerts(), "r/alerts.jsonl");
  EXPECT_EQ(folder.log_of_rank(12), "r/logs/rank-12.log");
}

TEST(RunFolder, AFileInTheWayIsNamed) {
  TempFolder const temp;
  ASSERT_TRUE(publish_file(temp / "demo", "x"));
  auto const folder = RunFolder::create(temp / "demo");
  ASSERT_FALSE(folder);
  EXPECT_THAT(folder.error().what(), HasSubstr("demo"));
}

TEST(RunFolder, LeftoversOfKilledJobsGo) {
  TempFolder const temp;
  auto const folder = value_or_throw(RunFolder::create(temp.path()));
  for (auto const* name : {"config.yaml.tmp-123", "manifest.json.tmp-9",
                           "config.yaml", "notes.tmp-", "notes.tmp-1a"})
    ASSERT_TRUE(publish_file(temp / name, "x"));
  ASSERT_TRUE(make_folder(folder.checkpoints() / "step-4.tmp-7"));
  folder.remove_leftovers();
  std::set<std::string> left;
  for (auto const& entry : fs::directory_iterator(temp.path()))
    left.insert(entry.path().filename().string());
  EXPECT_EQ(left,
            (std::set<std::string>{"checkpoints", "eval", "logs", "config.yaml",
                                   "notes.tmp-", "notes.tmp-1a"}));
  EXPECT_TRUE(fs::exists(folder.checkpoints() / "step-4.tmp-7"));
}

TEST(RunFolder, AFullDiskShowsAtTheStart) {
  TempFolder const temp;
  value_or_throw(RunFolder::create(temp.path()));
  for (long n = 0; n < 3; ++n) {
    set_write_fault(n, ENOSPC);
    auto const folder = RunFolder::create(temp.path());
    set_write_fault(-1, 0);
    ASSERT_FALSE(folder) << n;
    EXPECT_THAT(folder.error().what(), HasSubstr("No space left"));
    EXPECT_EQ(std::distance(fs::directory_iterator(temp.path()), {}), 3);
  }
}

}  // namespace
}  // namespace gasm
