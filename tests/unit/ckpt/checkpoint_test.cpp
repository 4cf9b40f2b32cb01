// SPDX-License-Identifier: Apache-2.0
#include "gasm/ckpt/checkpoint.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <fstream>
#include <set>

#include "gasm/base/file.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

Checkpoint make(std::int64_t step) {
  Checkpoint checkpoint;
  checkpoint.step = step;
  checkpoint.files["model"].tensors["w"] = at::full({4}, double(step));
  checkpoint.facts["seed"] = "3";
  return checkpoint;
}

std::vector<std::int64_t> steps(CheckpointStore const& store) {
  std::vector<std::int64_t> found;
  for (auto const& info : store.list()) found.push_back(info.step);
  return found;
}

class CheckpointTest : public ::testing::Test {
 protected:
  void save(std::int64_t step, std::optional<double> score = {},
            Retention const& retention = {}) {
    auto const done = store_.save(make(step), score, retention);
    ASSERT_TRUE(done) << done.error().what();
  }
  fs::path step_path(int step) {
    return store_.folder() / ("step-" + std::to_string(step));
  }
  TempFolder folder_;
  CheckpointStore store_{folder_.path() / "checkpoints"};
  Communicator self_ = Communicator::self();
};

TEST_F(CheckpointTest, WhatIsSavedLoads) {
  save(7, 0.1);
  auto const loaded = load_newest_checkpoint(self_, store_);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->step, 7);
  EXPECT_EQ(loaded->facts.at("seed"), "3");
  EXPECT_TRUE(
      at::equal(loaded->files.at("model").tensors.at("w"), at::full({4}, 7.0)));
  EXPECT_EQ(*store_.list().front().score, 0.1);
}

TEST_F(CheckpointTest, NoneInAnEmptyFolder) {
  EXPECT_FALSE(load_newest_checkpoint(self_, store_));
}

TEST_F(CheckpointTest, KeepsTheNewestAndTheBest) {
  Retention const retention{.keep_last = 2, .keep_best = 1};
  save(1, 0.5, retention);
  save(2, 0.9, retention);
  save(3, 0.7, retention);
  save(4, {}, retention);
  save(5, 0.6, retention);
  EXPECT_EQ(steps(store_), (std::vector<std::int64_t>{2, 4, 5}));
  EXPECT_EQ(fs::read_symlink(store_.folder() / "latest"), "step-5");
  EXPECT_EQ(fs::read_symlink(store_.folder() / "best"), "step-2");
}

TEST_F(CheckpointTest, KeepsMultiplesForEver) {
  Retention const retention{.keep_last = 2, .keep_best = 1, .keep_every = 6};
  // Every other step from 2 to 40: that of step 16 is the best.
  for (int step = 2; step <= 40; step += 2)
    save(step, step == 16 ? 0.9 : 0.5, retention);
  EXPECT_EQ(steps(store_),
            (std::vector<std::int64_t>{6, 12, 16, 18, 24, 30, 36, 38, 40}));
  // What the earlier ones were kept for may change from start to start.
  save(42, {}, {.keep_last = 1, .keep_best = 0, .keep_every = 12});
  EXPECT_EQ(steps(store_), (std::vector<std::int64_t>{12, 24, 36, 42}));
  save(43, {}, {.keep_last = 1, .keep_best = 0});
  EXPECT_EQ(steps(store_), (std::vector<std::int64_t>{43}));
}

TEST_F(CheckpointTest, AMultipleThatIsAmongTheNewestCountsOnce) {
  Retention const retention{.keep_last = 2, .keep_best = 0, .keep_every = 4};
  for (int step = 1; step <= 9; ++step) save(step, {}, retention);
  // 8 and 9 are the newest: 7 is not kept in the place of 8.
  EXPECT_EQ(steps(store_), (std::vector<std::int64_t>{4, 8, 9}));
}

TEST_F(CheckpointTest, TheNewestOfEqualsIsTheBest) {
  for (int step = 1; step <= 4; ++step) save(step, 1.0);
  save(5, 0.5);
  EXPECT_EQ(fs::read_symlink(store_.folder() / "best"), "step-4");
  EXPECT_EQ(steps(store_), (std::vector<std::int64_t>{4, 5}));
  save(6);
  EXPECT_TRUE(fs::exists(store_.folder() / "best/manifest.json"));
}

TEST_F(CheckpointTest, LaterStepsThatWerePassedOverCountNowhere) {
  Retention const retention{.keep_last = 1, .keep_best = 1};
  save(90, {}, retention);
  fs::create_directories(step_path(100));  // damaged: passed over
  save(95, {}, retention);
  EXPECT_EQ(steps(store_), (std::vector<std::int64_t>{95, 100}));
  EXPECT_EQ(load_newest_checkpoint(self_, store_)->step, 95);
  EXPECT_EQ(fs::read_symlink(store_.folder() / "latest"), "step-95");
  save(100, {}, retention);
  EXPECT_EQ(load_newest_checkpoint(self_, store_)->step, 100);
  EXPECT_EQ(steps(store_), (std::vector<std::int64_t>{100}));
}

TEST_F(CheckpointTest, AScoreComesAfterAJobThatWasKilledBeforeTheLinks) {
  save(4);
  save(6);
  auto const latest = store_.folder() / "latest";
  fs::remove(latest);
  fs::create_symlink("step-4", latest);
  ASSERT_TRUE(store_.rescore(6, 0.9, {}, {.keep_last = 1, .keep_best = 1}));
  EXPECT_EQ(steps(store_), (std::vector<std::int64_t>{6}));
  EXPECT_EQ(fs::read_symlink(latest), "step-6");
  EXPECT_EQ(fs::read_symlink(store_.folder() / "best"), "step-6");
}

TEST_F(CheckpointTest, DamagedOnesArePassedOver) {
  Retention const retention{.keep_last = 9, .keep_best = 1};
  for (int step = 1; step <= 5; ++step) save(step, {}, retention);
  fs::remove(step_path(5) / "manifest.json");
  fs::resize_file(step_path(4) / "model.safetensors", 40);
  auto const path = step_path(3) / "model.safetensors";
  auto bytes = *read_text(path);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  std::ofstream(path, std::ios::binary) << bytes;
  std::ofstream(step_path(2) / "manifest.json") << R"({"format":"x"})";
  auto const loaded = load_newest_checkpoint(self_, store_);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->step, 1);
}

TEST_F(CheckpointTest, AStepCanBeSavedAgain) {
  save(3);
  save(3, 0.25);
  EXPECT_EQ(steps(store_), (std::vector<std::int64_t>{3}));
  EXPECT_EQ(*store_.list().front().score, 0.25);
}

TEST_F(CheckpointTest, AFailureAtAnyWriteLeavesTheOldOne) {
  save(1);
  int num_failed = 0;
  for (int n = 0; n < 40; ++n) {
    set_write_fault(n, ENOSPC);
    auto const done = store_.save(make(2), {}, {});
    set_write_fault(-1, 0);
    if (!done) {
      ++num_failed;
      EXPECT_NE(std::string(done.error().what()).find("No space"),
                std::string::npos);
    }
    auto const loaded = load_newest_checkpoint(self_, store_);
    ASSERT_TRUE(loaded) << n;
    EXPECT_TRUE(store_.load(step_path(1)) || loaded->step == 2) << n;
  }
  EXPECT_GT(num_failed, 8);
  EXPECT_LT(num_failed, 40);
}

TEST_F(CheckpointTest, LeftoversOfAKilledSaveGo) {
  save(1);
  fs::create_directories(store_.folder() / "step-9.tmp-123");
  save(2);
  EXPECT_FALSE(fs::exists(store_.folder() / "step-9.tmp-123"));
  EXPECT_EQ(steps(store_), (std::vector<std::int64_t>{1, 2}));
}

TEST_F(CheckpointTest, TidiesUpAfterKilledJobs) {
  for (int step = 1; step <= 3; ++step)
    save(step, {}, {.keep_last = 9, .keep_best = 0});
  auto const aside = [&](int step) {
    return fs::path(step_path(step).string() + ".replaced");
  };
  fs::copy(step_path(1), aside(1));    // its new one is there
  fs::rename(step_path(2), aside(2));  // its new one never came
  fs::copy(step_path(3), aside(3));    // its new one is no checkpoint
  fs::remove(step_path(3) / "manifest.json");
  fs::create_directories(store_.folder() / "step-9.tmp-123");
  fs::create_symlink("step-3", store_.folder() / "latest.tmp-123");
  std::ofstream(step_path(1) / "manifest.json.tmp-123") << "{";
  std::ofstream(store_.folder() / "notes.txt") << "somebody's";
  store_.tidy();
  std::set<std::string> names;
  for (auto const& entry : fs::directory_iterator(store_.folder()))
    names.insert(entry.path().filename());
  EXPECT_EQ(names,
            (std::set<std::string>{"latest", "notes.txt", "step-1", "step-2",
                                   "step-3", "step-3.replaced"}));
  EXPECT_FALSE(fs::exists(step_path(1) / "manifest.json.tmp-123"));
  for (auto const& path : {step_path(1), step_path(2), aside(3)})
    EXPECT_TRUE(store_.load(path)) << path;
}

TEST_F(CheckpointTest, NothingIsThereToTidyUp) {
  store_.tidy();
  EXPECT_FALSE(fs::exists(store_.folder()));
}

TEST(ExactText, ReadsBackToTheSameDouble) {
  for (double const value : {0.1, 1.0 / 3, 1e-300, -2.5, 0.0})
    EXPECT_EQ(parse_exact(format_exact(value)), value);
  EXPECT_THROW(parse_exact("1.5x"), Error);
}

}  // namespace
}  // namespace gasm
