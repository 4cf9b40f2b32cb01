// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <chrono>
#include <thread>

#include "checkpoint_manifest.hpp"
#include "checkpoint_shards.hpp"
#include "gasm/base/file.hpp"
#include "gasm/ckpt/checkpoint_saver.hpp"
#include "gasm/comm/agree.hpp"
#include "support/faulty_files.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using Fault = FaultyFiles::Fault;
using Names = FaultyFiles::Names;

/// Its tensor says which save it is of.
Checkpoint make(std::int64_t step, double value) {
  Checkpoint checkpoint;
  checkpoint.step = step;
  checkpoint.files["model"].tensors["w"] = at::full({64}, value);
  checkpoint.files["optimizer"].tensors["exp_avg.w"] = at::full({64}, -value);
  return checkpoint;
}

enum class Way {
  alone,         ///< one rank, as it is called
  beside,        ///< one rank, by a thread of CheckpointSaver
  on_two_ranks,  ///< one after the other
};

/// What a save of a step may find: another step, or the same one.
struct Case {
  std::int64_t old_step;
  int keep_last;
  Way way = Way::alone;
  bool exchanges = true;  ///< the file system can exchange names
};

/// Of make(): each of two ranks has half of the optimiser's state.
CheckpointShare share_of(Checkpoint const& whole, int rank) {
  auto share = whole_share(whole);
  auto& set = share.sets.at("optimizer");
  auto const state = set.common.tensors.at("exp_avg.w");
  set.common.tensors.clear();
  set.is_divided = true;
  auto const name = "exp_avg.w@" + std::to_string(32 * rank);
  set.own[name] = state.narrow(0, 32 * rank, 32);
  set.slices[name] = {.of = "exp_avg.w", .from = 32 * rank, .shape = {64}};
  return share;
}

/// As CheckpointSaver does on two ranks, one after the other.
Result<void> save_on_two(CheckpointStore const& store, Checkpoint const& whole,
                         Retention const& retention) {
  auto const path = store.unfinished(whole.step, "job");
  if (auto done = store.prepare(path); !done) return done;
  CheckpointManifest manifest{.step = whole.step,
                              .num_ranks = 2,
                              .score = std::nullopt,
                              .facts = {},
                              .files = {}};
  for (int rank = 0; rank < 2; ++rank) {
    auto files = write_shards(path, share_of(whole, rank).sets,
                              {.rank = rank, .num_ranks = 2, .min_bytes = 0});
    if (!files) {
      (void)remove_tree(path);
      return tl::unexpected(files.error());
    }
    manifest.files.merge(*files);
  }
  return store.publish(path, manifest, retention);
}

/// Steps of a training that does nothing, until it is saved.
Result<void> save_beside(CheckpointStore const& store, Checkpoint const& whole,
                         Retention const& retention) {
  auto const self = Communicator::self();
  return caught([&] {
    CheckpointSaver saver(self, store, retention, 0);
    saver.begin(whole_share(whole));
    while (saver.is_in_flight()) saver.advance(saver.flags());
  });
}

class CheckpointFault : public ::testing::Test {
 protected:
  /// Steps, and values in their tensors.
  static constexpr std::int64_t kStep = 2;
  static constexpr double kOld = 1.0;
  static constexpr double kNew = 7.0;

  struct Run {
    explicit Run(Case const& what)
        : retention{what.keep_last, 0}, way(what.way) {
      value_or_throw(store.save(make(what.old_step, kOld), {}, retention));
      if (!what.exchanges) files.refuse_exchange();
    }
    Result<void> save() const {
      auto const made = make(kStep, kNew);
      if (way == Way::on_two_ranks) return save_on_two(store, made, retention);
      if (way == Way::beside) return save_beside(store, made, retention);
      return store.save(made, {}, retention);
    }

    TempFolder folder;
    FaultyFiles files;
    CheckpointStore store{folder.path() / "run" / "checkpoints"};
    Retention retention;
    Way way;
  };

  /// The old one or the new one, whole; and the next save tidies up.
  static void expect_sound(Run& run, bool must_be_new, std::string const& at) {
    auto const self = Communicator::self();
    auto const found = load_newest_checkpoint(self, run.store);
    ASSERT_TRUE(found) << at;
    auto const value =
        found->files.at("model").tensors.at("w")[0].item<double>();
    EXPECT_TRUE(value == kNew || (value == kOld && !must_be_new)) << at;
    EXPECT_TRUE(at::equal(found->files.at("model").tensors.at("w"),
                          at::full({64}, value)))
        << at;
    EXPECT_TRUE(at::equal(found->files.at("optimizer").tensors.at("exp_avg.w"),
                          at::full({64}, -value)))
        << at;
    run.store.tidy();
    expect_tidy(run, at);
    auto const again = run.store.save(make(3, 3.0), {}, run.retention);
    ASSERT_TRUE(again) << at << again.error().what();
    EXPECT_EQ(load_newest_checkpoint(self, run.store)->step, 3) << at;
    expect_tidy(run, at);
  }

  static void expect_tidy(Run const& run, std::string const& at) {
    for (auto const& entry : fs::directory_iterator(run.store.folder()))
      EXPECT_THAT(entry.path().string(),
                  Not(AnyOf(HasSubstr(".tmp"), HasSubstr(".replaced"))))
          << at;
  }

  static long count_calls(Case const& what) {
    Run run(what);
    run.files.fail_at(0, Fault::none);
    value_or_throw(run.save());
    return run.files.num_calls();
  }

  static constexpr Case kCases[] = {
      {1, 1},
      {1, 2},
      {2, 1},
      {2, 1, Way::alone, false},
      {1, 1, Way::beside},
      {2, 1, Way::beside},
      {1, 1, Way::on_two_ranks},
  };
};

TEST_F(CheckpointFault, AFailureAtAnyCallIsNamedAndLosesNothing) {
  for (auto const& what : kCases) {
    auto const num_calls = count_calls(what);
    ASSERT_GT(num_calls, 15);
    int num_failed = 0;
    for (auto const fault : {Fault::no_space_once, Fault::io_error_once,
                             Fault::no_space, Fault::short_write})
      for (long n = 0; n < num_calls; ++n) {
        Run run(what);
        run.files.fail_at(n, fault);
        auto const done = run.save();
        run.files.fail_at(0, Fault::none);
        auto const at = fmt::format(
            "old step {}, fault {} at call {}: ", what.old_step, int(fault), n);
        if (!done) {
          ++num_failed;
          EXPECT_THAT(done.error().what(),
                      HasSubstr(run.store.folder().string()));
          EXPECT_THAT(done.error().what(),
                      HasSubstr(fault == Fault::io_error_once
                                    ? "Input/output error"
                                    : "No space left on device"));
        }
        expect_sound(run, done.has_value(), at);
      }
    EXPECT_GT(num_failed, 2 * num_calls);
  }
}

TEST_F(CheckpointFault, ACrashAtAnyCallLosesNothing) {
  for (auto const& what : kCases) {
    auto const num_calls = count_calls(what);
    for (auto const names : {Names::kept, Names::lost})
      for (long n = 0; n <= num_calls; ++n) {
        Run run(what);
        run.files.fail_at(n, Fault::crash);
        bool const done = run.save().has_value();
        run.files.lose_power(run.folder.path(), names);
        expect_sound(run, done,
                     fmt::format("old step {}, crash at call {}, names {}: ",
                                 what.old_step, n, int(names)));
      }
  }
}

// A disk that claims to have what it has not: what it lost is never taken for
// a checkpoint, and the one before it is there.
TEST_F(CheckpointFault, ALyingDiskCostsTheNewestAtMost) {
  Case const what{.old_step = 1, .keep_last = 2};
  auto const num_calls = count_calls(what);
  for (long n = 0; n <= num_calls; ++n) {
    Run run(what);
    run.files.fail_at(n, Fault::crash);
    run.files.lie_about_sync();
    (void)run.save();
    run.files.lose_power(run.folder.path(), Names::kept);
    auto const found = load_newest_checkpoint(Communicator::self(), run.store);
    ASSERT_TRUE(found) << n;
    EXPECT_EQ(found->step, 1) << n;
    expect_sound(run, false, fmt::format("lying disk, crash at {}: ", n));
  }
}

// What is written beside the training is what is written in front of it, and
// nothing of it is out of the reach of these tests.
TEST_F(CheckpointFault, AThreadMakesTheSameCalls) {
  for (std::int64_t const old_step : {1, 2})
    EXPECT_EQ(count_calls({old_step, 1, Way::beside}),
              count_calls({old_step, 1, Way::alone}));
  // Names that cannot be exchanged cost more.
  EXPECT_GT(count_calls({2, 1, Way::alone, false}), count_calls({2, 1}));
}

TEST_F(CheckpointFault, TheFirstOfARunOutlivesACrash) {
  TempFolder const folder;
  FaultyFiles files;
  fs::create_directories(folder / "run");
  CheckpointStore const store(folder / "run/checkpoints");
  value_or_throw(store.save(make(kStep, kNew), {}, {}));
  files.lose_power(folder.path(), Names::lost);
  auto const found = load_newest_checkpoint(Communicator::self(), store);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, kStep);
}

}  // namespace
}  // namespace gasm
