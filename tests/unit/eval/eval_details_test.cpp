// SPDX-License-Identifier: Apache-2.0
#include "eval_details.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace gasm {
namespace {

/// Clips 10 i, 10 i + 1, 10 i + 2 of classes 0, 1, 2; the last one is bad.
MicroBatch batch_of(std::int64_t index) {
  MicroBatch batch;
  batch.index = index;
  batch.labels = torch::tensor({0, 1, 2}, at::kLong);
  batch.samples = {10 * index, 10 * index + 1, 10 * index + 2};
  batch.bad_slots = {2};
  return batch;
}

/// Class 1 for every clip.
at::Tensor logits() {
  return torch::tensor({0.0, 1.0, 0.5}).expand({3, 3}).contiguous();
}

Trace trace_of(std::int64_t index) {
  return {{"semantic_pooled", at::full({3, 2}, 1.0 + index)},
          {"motion_pooled", at::full({3, 1, 1}, -1.0)}};
}

EvalResult collected(EvalOptions const& options, std::int64_t num_leaves) {
  EvalDetails details(options, 3, num_leaves);
  for (std::int64_t i = num_leaves; i-- > 0;)
    details.add(batch_of(i), logits(),
                details.wants_features(i) ? trace_of(i) : Trace{});
  EvalResult result;
  details.collect(Communicator::self(), result);
  return result;
}

TEST(EvalDetails, CountsWhichClassIsTakenForWhich) {
  auto const result = collected({.micro_batch = 3, .wants_confusion = true}, 4);
  EXPECT_EQ(result.confusion,
            (std::vector<std::int64_t>{0, 4, 0, 0, 4, 0, 0, 0, 0}));
  EXPECT_TRUE(result.pooled.empty());
}

TEST(EvalDetails, NothingWithoutBeingAsked) {
  auto const result = collected({.micro_batch = 3}, 4);
  EXPECT_TRUE(result.confusion.empty());
  EXPECT_TRUE(result.pooled.empty());
}

TEST(EvalDetails, TakesClipsFromAllOverTheStore) {
  EvalOptions const options{.micro_batch = 3, .num_pooled = 5};
  EvalDetails const details(options, 3, 9);
  std::vector<std::int64_t> wanted;
  for (std::int64_t i = 0; i < 9; ++i)
    if (details.wants_features(i)) wanted.push_back(i);
  EXPECT_EQ(wanted, (std::vector<std::int64_t>{0, 4}));

  auto const result = collected(options, 9);
  ASSERT_EQ(result.pooled.size(), 4u);  // two of the six are bad
  EXPECT_EQ(result.pooled[1].sample, 1);
  EXPECT_EQ(result.pooled[2].sample, 40);
  EXPECT_EQ(result.pooled[3].label, 1);
  EXPECT_EQ(result.pooled[3].predicted, 1);
  EXPECT_EQ(result.pooled[3].features, (std::vector<float>{5, 5, -1}));
}

TEST(EvalDetails, NoMoreClipsThanAskedForOrThere) {
  EXPECT_EQ(collected({.micro_batch = 3, .num_pooled = 1}, 4).pooled.size(),
            1u);
  EXPECT_EQ(collected({.micro_batch = 3, .num_pooled = 100}, 4).pooled.size(),
            8u);
}

TEST(EvalDetails, AModelWithoutPooledFeaturesIsAnError) {
  EvalDetails details({.micro_batch = 3, .num_pooled = 1}, 3, 1);
  EXPECT_THROW(details.add(batch_of(0), logits(), {}), Error);
}

}  // namespace
}  // namespace gasm
