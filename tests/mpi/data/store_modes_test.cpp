// SPDX-License-Identifier: Apache-2.0
// Every store mode gives every rank the bytes that were packed, at 1 to 4
// ranks and from any step on.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gasm/comm/agree.hpp"
#include "gasm/data/ahead_readers.hpp"
#include "gasm/data/arrivals.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/store/record_reader.hpp"
#include "support/clip_files.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

enum class Mode { direct, resident, exchange, stream };

/// 61 clips of 1 to 60,000 bytes: prime, so that no share is even.
FakeClips const& clips() {
  static FakeClips const made = [] {
    std::vector<std::size_t> sizes;
    for (std::size_t i = 0; i < 61; ++i) sizes.push_back(1 + i * i * 16);
    return fake_clips(sizes);
  }();
  return made;
}

BatchPlan plan_of(Mode mode) {
  return BatchPlan({.num_samples = 61,
                    .global_batch = 9,
                    .micro_batch = 2,
                    .seed = 4,
                    .order = mode == Mode::stream ? SampleOrder::blocks
                                                  : SampleOrder::shuffled,
                    .block_shuffle = {.block = 4, .window_blocks = 3}});
}

constexpr std::int64_t kTotalSteps = 20;  // almost three epochs

std::unique_ptr<RecordReader> make(Mode mode, ClipStore const& store) {
  auto const& world = test_world();
  AheadOptions const ahead{
      .plan = plan_of(mode), .total_steps = kTotalSteps, .depth = 2};
  switch (mode) {
    case Mode::direct:
      return make_direct_reader(store);
    case Mode::resident:
      return make_resident_reader(world, store);
    case Mode::exchange:
      return make_exchange_reader(world, store, ahead);
    case Mode::stream:
      return make_stream_reader(store, ahead, world.rank(), world.size());
  }
  return nullptr;
}

class StoreModes : public testing::TestWithParam<Mode> {
 protected:
  void SetUp() override {
    path_ = shared_temp_folder() / "clips.h5";
    write_clip_store(test_world(), path_, clips().contents, clips().source());
  }

  /// Runs a training from `first` on and compares all that this rank reads.
  void expect_all_steps(ClipStore const& store, std::int64_t first) {
    auto const reader = make(GetParam(), store);
    auto const plan = plan_of(GetParam());
    for (auto step = first; step < kTotalSteps; ++step) {
      reader->begin_step(step);
      for (auto const& micro : plan.micro_batches(
               plan.at(step), test_world().rank(), test_world().size()))
        for (auto sample : micro.samples) expect_bytes(*reader, sample);
    }
    reader->close();
  }

  void expect_bytes(RecordReader& reader, std::int64_t sample) {
    auto const found = reader.read(sample);
    ASSERT_TRUE(found.has_value()) << found.error().what();
    EXPECT_TRUE(std::ranges::equal(
        found->parts[0], clips().bytes[static_cast<std::size_t>(sample)]))
        << "clip " << sample;
  }

  std::filesystem::path path_;
};

TEST_P(StoreModes, GiveTheBytesOfEveryStep) {
  auto const store = value_or_throw(ClipStore::open(path_));
  expect_all_steps(store, 0);
}

TEST_P(StoreModes, BeginInTheMiddleOfAnEpoch) {
  auto const store = value_or_throw(ClipStore::open(path_));
  expect_all_steps(store, 10);
  expect_all_steps(store, kTotalSteps - 1);
}

// What a substitute for a bad clip needs: any record at any time.
TEST_P(StoreModes, ReadWhatThePlanDoesNotGive) {
  auto const store = value_or_throw(ClipStore::open(path_));
  auto const reader = make(GetParam(), store);
  reader->begin_step(0);
  auto const own = plan_of(GetParam())
                       .micro_batches(plan_of(GetParam()).at(0),
                                      test_world().rank(), test_world().size());
  for (std::int64_t sample = 0; sample < 61; ++sample) {
    bool const is_planned = std::ranges::any_of(own, [&](auto const& micro) {
      return std::ranges::count(micro.samples, sample) > 0;
    });
    if (!is_planned) expect_bytes(*reader, sample);
  }
  for (auto const& micro : own)
    for (auto sample : micro.samples) expect_bytes(*reader, sample);
  reader->close();
}

TEST_P(StoreModes, NameAClipThatWasChangedAndOnlyThat) {
  auto const start = value_or_throw(ClipStore::open(path_)).range(40, 0).start;
  if (test_world().is_root())
    std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary)
        .seekp(static_cast<long>(start + 5))
        .put('?');
  test_world().barrier();
  auto const store = value_or_throw(ClipStore::open(path_));
  auto const reader = make(GetParam(), store);
  auto const plan = plan_of(GetParam());
  for (std::int64_t step = 0; step < plan.steps_per_epoch(); ++step) {
    reader->begin_step(step);
    for (auto const& micro : plan.micro_batches(
             plan.at(step), test_world().rank(), test_world().size()))
      for (auto sample : micro.samples) {
        auto const found = reader->read(sample);
        EXPECT_EQ(found.has_value(), sample != 40) << sample;
        if (!found) {
          EXPECT_NE(std::string(found.error().what()).find("clip '1601'"),
                    std::string::npos);
        }
      }
  }
  reader->close();
}

// Threads ask ahead of the step that the trainer is at.
TEST_P(StoreModes, ServeAThreadThatIsAhead) {
  auto const store = value_or_throw(ClipStore::open(path_));
  auto const reader = make(GetParam(), store);
  reader->begin_step(0);
  RankCursor cursor(plan_of(GetParam()), {0, kTotalSteps}, test_world().rank(),
                    test_world().size());
  std::vector<MicroBatchPlan> jobs;
  while (auto job = cursor.next()) jobs.push_back(*job);
  std::atomic<std::size_t> num_allowed = 0;
  std::atomic<int> num_wrong = 0;
  std::thread ahead([&] {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      while (num_allowed <= i) std::this_thread::yield();
      for (auto sample : jobs[i].samples) {
        auto const found = reader->read(sample);
        auto const& wanted = clips().bytes[static_cast<std::size_t>(sample)];
        if (!found || !std::ranges::equal(found->parts[0], wanted)) ++num_wrong;
      }
    }
  });
  for (std::int64_t step = 0; step < kTotalSteps; ++step) {
    reader->begin_step(step);
    num_allowed = static_cast<std::size_t>(std::ranges::count_if(
        jobs, [&](auto const& job) { return job.step <= step + 2; }));
  }
  ahead.join();
  EXPECT_EQ(num_wrong, 0);
  test_world().barrier();
  reader->close();
}

std::string name_of(testing::TestParamInfo<Mode> const& each) {
  switch (each.param) {
    case Mode::direct:
      return "direct";
    case Mode::resident:
      return "resident";
    case Mode::exchange:
      return "exchange";
    case Mode::stream:
      return "stream";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(All, StoreModes,
                         testing::Values(Mode::direct, Mode::resident,
                                         Mode::exchange, Mode::stream),
                         name_of);

TEST(StoreFiles, AFileCutShortFailsOnAllRanks) {
  auto const path = shared_temp_folder() / "short.h5";
  write_clip_store(test_world(), path, clips().contents, clips().source());
  auto const store = value_or_throw(ClipStore::open(path));
  test_world().barrier();
  if (test_world().is_root())
    std::filesystem::resize_file(path, store.range(50, 0).start);
  test_world().barrier();
  EXPECT_THROW(make_resident_reader(test_world(), store), AgreedError);
  EXPECT_THROW(
      make_exchange_reader(
          test_world(), store,
          {.plan = plan_of(Mode::exchange), .total_steps = 3, .depth = 2}),
      AgreedError);
}

TEST(Arrivals, WaitForWhatIsExpectedAndNothingElse) {
  Arrivals arrivals;
  EXPECT_FALSE(arrivals.take(3).has_value());
  arrivals.expect(3);
  arrivals.expect(3);
  std::thread later([&] { arrivals.bring(3, RecordBytes{}); });
  EXPECT_TRUE(arrivals.take(3).has_value());
  later.join();
  arrivals.bring(3, failure("gone"));
  auto const second = arrivals.take(3);
  ASSERT_TRUE(second.has_value());
  EXPECT_STREQ(second->error().what(), "gone");
  EXPECT_FALSE(arrivals.take(3).has_value());
  EXPECT_TRUE(arrivals.wait_for_room(0));
  arrivals.expect(4);
  arrivals.stop();
  EXPECT_FALSE(arrivals.take(4).has_value());
  EXPECT_FALSE(arrivals.wait_for_room(0));
}

}  // namespace
}  // namespace gasm
