// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/step_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

BatchPlan make_plan(std::int64_t num_samples, std::int64_t global_batch,
                    std::int64_t micro_batch) {
  BatchPlanOptions options;
  options.num_samples = num_samples;
  options.global_batch = global_batch;
  options.micro_batch = micro_batch;
  options.seed = 9;
  return BatchPlan(options);
}

TEST(StepPlan, CutsABatchAsEvenlyAsPossible) {
  EXPECT_EQ(num_micro_batches(10, 4), 3);
  EXPECT_EQ(micro_batch_slice(10, 3, 0), (Slice{0, 3}));
  EXPECT_EQ(micro_batch_slice(10, 3, 1), (Slice{3, 6}));
  EXPECT_EQ(micro_batch_slice(10, 3, 2), (Slice{6, 10}));
  EXPECT_EQ(num_micro_batches(16, 4), 4);
  EXPECT_EQ(num_micro_batches(1, 4), 1);
  EXPECT_EQ(num_micro_batches(0, 4), 0);
}

TEST(StepPlan, MicroBatchesCoverTheBatchWithinTheirSize) {
  for (std::int64_t n = 1; n <= 40; ++n) {
    for (std::int64_t m = 1; m <= 12; ++m) {
      auto const k = num_micro_batches(n, m);
      std::int64_t at = 0;
      std::int64_t least = n;
      std::int64_t most = 0;
      for (std::int64_t i = 0; i < k; ++i) {
        auto const slice = micro_batch_slice(n, k, i);
        EXPECT_EQ(slice.begin, at);
        at = slice.end;
        least = std::min(least, slice.size());
        most = std::max(most, slice.size());
      }
      EXPECT_EQ(at, n);
      EXPECT_LE(most, m == 2 ? 3 : m) << n << " in " << m;
      EXPECT_TRUE(least > 1 || m == 1 || n <= 1) << n << " in " << m;
      EXPECT_LE(most - least, 1) << n << " in " << m;
    }
  }
}

TEST(StepPlan, RanksOwnAllMicroBatchesOnce) {
  for (std::int64_t k = 0; k <= 12; ++k) {
    for (std::int64_t num_ranks = 1; num_ranks <= 7; ++num_ranks) {
      std::int64_t at = 0;
      for (std::int64_t rank = 0; rank < num_ranks; ++rank) {
        auto const range = rank_range(k, rank, num_ranks);
        EXPECT_EQ(range.begin, at);
        EXPECT_LE(range.size(), (k + num_ranks - 1) / num_ranks);
        at = range.end;
      }
      EXPECT_EQ(at, k);
    }
  }
}

TEST(StepPlan, EverySampleCountsOnceAnEpochAtAnyWorldSize) {
  for (std::int64_t n : {1, 2, 7, 16, 17, 23}) {
    for (std::int64_t global : {1, 3, 8, 30}) {
      for (std::int64_t micro : {1, 2, 3, 50}) {
        for (std::int64_t num_ranks = 1; num_ranks <= 5; ++num_ranks) {
          auto const plan = make_plan(n, global, micro);
          std::vector<int> counts(static_cast<std::size_t>(n), 0);
          for (std::int64_t s = 0; s < plan.steps_per_epoch(); ++s)
            for (std::int64_t rank = 0; rank < num_ranks; ++rank)
              for (auto const& batch :
                   plan.micro_batches(plan.at(s), rank, num_ranks))
                for (auto sample : batch.samples)
                  ++counts[static_cast<std::size_t>(sample)];
          EXPECT_EQ(counts, std::vector<int>(static_cast<std::size_t>(n), 1))
              << n << " " << global << " " << micro << " " << num_ranks;
        }
      }
    }
  }
}

TEST(StepPlan, TheLastBatchOfAnEpochIsSmaller) {
  auto const plan = make_plan(10, 4, 2);
  EXPECT_EQ(plan.steps_per_epoch(), 3);
  EXPECT_EQ(plan.at(1).positions, (Slice{4, 8}));
  EXPECT_EQ(plan.at(2).positions, (Slice{8, 10}));
  EXPECT_EQ(plan.at(2).num_micro, 1);
  EXPECT_EQ(plan.at(2).epoch, 0);
  EXPECT_EQ(plan.at(3).positions, (Slice{0, 4}));
  EXPECT_EQ(plan.at(3).epoch, 1);
  EXPECT_EQ(plan.at(7).epoch, 2);
}

TEST(StepPlan, ARestOfOneJoinsTheBatchBefore) {
  auto const plan = make_plan(17, 8, 8);
  EXPECT_EQ(plan.steps_per_epoch(), 2);
  EXPECT_EQ(plan.at(0).positions, (Slice{0, 8}));
  EXPECT_EQ(plan.at(1).positions, (Slice{8, 17}));
  EXPECT_EQ(plan.at(1).num_micro, 2);
  EXPECT_EQ(plan.at(2).positions, (Slice{0, 8}));
  EXPECT_EQ(plan.at(2).epoch, 1);
  // With nothing to join, one stays one.
  EXPECT_EQ(make_plan(1, 8, 8).steps_per_epoch(), 1);
  EXPECT_EQ(make_plan(3, 1, 1).steps_per_epoch(), 3);
}

TEST(StepPlan, MicroBatchesDoNotDependOnTheNumberOfRanks) {
  auto const plan = make_plan(23, 10, 3);
  for (std::int64_t s = 0; s < 2 * plan.steps_per_epoch(); ++s) {
    auto const step = plan.at(s);
    auto const all = plan.micro_batches(step, 0, 1);
    for (std::int64_t num_ranks = 2; num_ranks <= 5; ++num_ranks) {
      std::size_t at = 0;
      for (std::int64_t rank = 0; rank < num_ranks; ++rank) {
        for (auto const& batch : plan.micro_batches(step, rank, num_ranks)) {
          EXPECT_EQ(batch.samples, all.at(at).samples);
          EXPECT_EQ(batch.index, all.at(at).index);
          EXPECT_EQ(batch.positions, all.at(at).positions);
          ++at;
        }
      }
      EXPECT_EQ(at, all.size());
    }
  }
}

TEST(StepPlan, SamplesFollowTheEpochsOrder) {
  auto const plan = make_plan(23, 10, 3);
  auto const batch = plan.micro_batch(plan.at(4), 1);  // step 1 of epoch 1
  EpochOrder const order(9, 1, 23);
  ASSERT_EQ(batch.positions, (Slice{12, 15}));
  for (std::int64_t i = 0; i < 3; ++i)
    EXPECT_EQ(batch.samples[static_cast<std::size_t>(i)],
              order.sample_at(12 + i));
}

TEST(StepPlan, SequentialOrderIsTheStoresOrder) {
  BatchPlanOptions options;
  options.num_samples = 5;
  options.global_batch = 3;
  options.micro_batch = 3;
  options.order = SampleOrder::sequential;
  BatchPlan const plan(options);
  EXPECT_EQ(plan.micro_batch(plan.at(1), 0).samples,
            (std::vector<std::int64_t>{3, 4}));
}

TEST(StepPlan, RefusesSizesBelowOne) {
  EXPECT_THROW(make_plan(0, 1, 1), Error);
  EXPECT_THROW(make_plan(1, 0, 1), Error);
  EXPECT_THROW(make_plan(1, 1, 0), Error);
  EXPECT_THROW(make_plan(1, 1, 1).at(-1), Error);
}

using Key = std::vector<std::int64_t>;

// (step, index, samples...) of everything a cursor gives.
std::vector<Key> all_from(RankCursor cursor) {
  std::vector<Key> keys;
  while (auto batch = cursor.next()) {
    Key key{batch->step, batch->index};
    key.insert(key.end(), batch->samples.begin(), batch->samples.end());
    keys.push_back(key);
  }
  return keys;
}

TEST(RankCursor, GoesOnAtAnyStepAndWorldSize) {
  auto const plan = make_plan(23, 10, 3);
  auto const whole = all_from(RankCursor(plan, {0, 9}, 0, 1));
  for (std::int64_t stop = 0; stop <= 9; ++stop) {
    // Stopped at `stop` on two ranks, gone on with on five.
    std::vector<Key> parts;
    auto const add = [&](Slice steps, std::int64_t num_ranks) {
      for (std::int64_t rank = 0; rank < num_ranks; ++rank)
        for (auto& key : all_from(RankCursor(plan, steps, rank, num_ranks)))
          parts.push_back(key);
    };
    add({0, stop}, 2);
    add({stop, 9}, 5);
    std::sort(parts.begin(), parts.end());
    EXPECT_EQ(parts, whole) << stop;
  }
}

TEST(RankCursor, EndsWhereARankOwnsNothing) {
  auto const plan = make_plan(4, 2, 2);  // one micro-batch a step
  EXPECT_TRUE(all_from(RankCursor(plan, {0, 100}, 0, 3)).empty());
  EXPECT_EQ(all_from(RankCursor(plan, {0, 100}, 2, 3)).size(), 100U);
}

}  // namespace
}  // namespace gasm
