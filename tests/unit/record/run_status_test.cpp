// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/run_status.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gasm/base/file.hpp"
#include "gasm/base/file_lock.hpp"
#include "gasm/record/metrics.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;

class RunStatusTest : public testing::Test {
 protected:
  fs::path make(std::string const& name, RunState state) {
    auto const path = folder_ / name;
    fs::create_directories(path / "checkpoints");
    auto manifest = make_manifest({"gasm"}, 2);
    manifest.state = state;
    manifest.total_steps = 100;
    value_or_throw(write_manifest(path / "manifest.json", manifest));
    return path;
  }
  std::string condition(fs::path const& path) const {
    return to_string(read_run_status(path).condition);
  }

  TempFolder folder_;
};

TEST_F(RunStatusTest, HoldsTheManifestAgainstTheLock) {
  struct Case {
    RunState state;
    char const* free;
    char const* held;
  };
  for (auto const& [state, free, held] :
       {Case{RunState::running, "dead", "running"},
        Case{RunState::stopped, "stopped", "starting"},
        Case{RunState::failed, "failed", "starting"},
        Case{RunState::done, "done", "starting"}}) {
    auto const path = make(to_string(state), state);
    EXPECT_EQ(condition(path), free);
    std::optional<FileLock> lock =
        value_or_throw(FileLock::take(path / "lock", 0));
    EXPECT_EQ(condition(path), held);
    lock.reset();
    EXPECT_EQ(condition(path), free);
  }
}

TEST_F(RunStatusTest, OfAFolderWithoutAManifest) {
  fs::create_directories(folder_ / "a");
  std::optional<FileLock> lock =
      value_or_throw(FileLock::take(folder_ / "a/lock", 0));
  EXPECT_EQ(condition(folder_ / "a"), "starting");
  lock.reset();
  EXPECT_EQ(condition(folder_ / "a"), "dead");
}

TEST_F(RunStatusTest, DamageIsSaid) {
  auto const path = make("a", RunState::done);
  for (std::string const text :
       {"", "{", "[]", "{\"schema\": 2}", "\x01\x02\xff"}) {
    ASSERT_TRUE(publish_file(path / "manifest.json", text));
    auto const status = read_run_status(path);
    EXPECT_EQ(to_string(status.condition), "damaged") << text;
    EXPECT_THAT(status.problem, HasSubstr("is not a manifest"));
  }
  auto const gone = read_run_status(folder_ / "none");
  EXPECT_EQ(to_string(gone.condition), "damaged");
  EXPECT_THAT(gone.problem, HasSubstr("No such file"));
}

TEST_F(RunStatusTest, CurveAndCheckpoints) {
  auto const path = make("a", RunState::done);
  auto const line = [](std::int64_t step, char const* split, double top1) {
    return format_metrics_line({1.0, step, 0.5, split, {{"top1", top1}}}) +
           "\n";
  };
  ASSERT_TRUE(publish_file(path / "metrics.jsonl",
                           line(10, "train", 0.99) + line(10, "val", 0.25) +
                               line(20, "val", 0.75) + line(30, "val", 0.5) +
                               line(40, "train", 0) + R"({"t": 1, "st)"));
  // A folder without a manifest is no checkpoint, nor is a foreign name.
  for (std::string const name :
       {"step-9", "step-20", "step-100", "step-x", "step-200.tmp-1"})
    fs::create_directories(path / "checkpoints" / name);
  for (std::string const name :
       {"step-9", "step-20", "step-x", "step-200.tmp-1"})
    ASSERT_TRUE(
        publish_file(path / "checkpoints" / name / "manifest.json", "{}"));
  auto const status = read_run_status(path);
  EXPECT_EQ(status.step, 40);
  EXPECT_EQ(status.best_top1, 0.75);
  EXPECT_EQ(status.newest_checkpoint, 20);
  EXPECT_EQ(status.manifest->total_steps, 100);
}

TEST_F(RunStatusTest, AgesAreNeverNegative) {
  auto const path = make("a", RunState::done);
  auto const set_age = [&](std::chrono::hours age) {
    fs::last_write_time(path / "manifest.json",
                        fs::file_time_type::clock::now() - age);
  };
  set_age(std::chrono::hours(2));
  EXPECT_NEAR(read_run_status(path).age_s, 7200, 5);
  set_age(std::chrono::hours(-5));
  EXPECT_EQ(read_run_status(path).age_s, 0.0);
}

TEST_F(RunStatusTest, FoldersAreFoundByName) {
  make("b", RunState::done);
  make("sweep/a", RunState::done);
  make("sweep/b", RunState::done);
  fs::create_directories(folder_ / "nothing/in/here");
  fs::create_directory_symlink(folder_ / "b", folder_ / "link");
  EXPECT_THAT(
      value_or_throw(find_run_folders(folder_.path())),
      ElementsAre(folder_ / "b", folder_ / "sweep/a", folder_ / "sweep/b"));
  EXPECT_THAT(value_or_throw(find_run_folders(folder_ / "b")),
              ElementsAre(folder_ / "b"));
  EXPECT_THAT(value_or_throw(find_run_folders(folder_ / "nothing")), IsEmpty());
  EXPECT_FALSE(find_run_folders(folder_ / "none"));
}

TEST_F(RunStatusTest, AnOldManifestHasNoTotal) {
  auto const path = make("a", RunState::done) / "manifest.json";
  auto text = value_or_throw(read_text(path));
  std::string const key = "\"total_steps\": 100,";
  ASSERT_NE(text.find(key), std::string::npos);
  text.erase(text.find(key), key.size());
  ASSERT_TRUE(publish_file(path, text));
  EXPECT_FALSE(value_or_throw(read_manifest(path)).total_steps);
}

}  // namespace
}  // namespace gasm
