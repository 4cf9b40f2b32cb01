// SPDX-License-Identifier: Apache-2.0
#include "same_ranks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

std::string refusal(RunConfig const& config, std::int64_t num_clips,
                    std::int64_t num_micro, int num_ranks) {
  try {
    check_shares(config, num_clips, num_micro, num_ranks);
  } catch (Error const& refused) {
    EXPECT_EQ(refused.code(), ExitCode::usage);
    return refused.what();
  }
  return "";
}

TEST(Shares, OfRanksThatAllHaveWorkAreFine) {
  RunConfig config;
  EXPECT_EQ(check_shares(config, 1, 1, 1), "");
  EXPECT_EQ(check_shares(config, 64, 4, 3), "");
  EXPECT_EQ(check_shares(config, 64, 4, 4), "");
  config.parallel.virtual_ranks = 4;
  EXPECT_EQ(check_shares(config, 64, 4, 3), "");
}

TEST(Shares, NameIdleRanks) {
  RunConfig const config;
  EXPECT_EQ(check_shares(config, 12, 3, 4),
            "rank 0 will have nothing to do: a step of 12 clips is 3 "
            "micro-batches for 4 ranks. Try train.micro_batch: 3");
  EXPECT_EQ(check_shares(config, 9, 1, 4),
            "ranks 0-2 will have nothing to do: a step of 9 clips is 1 "
            "micro-batch for 4 ranks. Try train.micro_batch: 2");
}

TEST(Shares, AreRefusedWhereNothingHelps) {
  RunConfig config;
  config.train.global_batch = 64;
  // A store of three clips.
  EXPECT_EQ(refusal(config, 3, 1, 4),
            "there are 4 ranks, and a step has 3 clips (train.global_batch is "
            "64; a rank's least share is one clip). Try at most 3 ranks");
  config.train.global_batch = 1;
  EXPECT_THAT(refusal(config, 1, 1, 2),
              HasSubstr("a step has 1 clip (train.global_batch is 1; a rank's "
                        "least share is one clip). Try at most 1 rank, or "
                        "train.global_batch: 2"));
  config.train.global_batch = 64;
  config.parallel.virtual_ranks = 4;
  EXPECT_EQ(refusal(config, 64, 4, 4), "");
  EXPECT_THAT(refusal(config, 64, 4, 5),
              HasSubstr("5 ranks, and parallel.virtual_ranks is 4"));
}

}  // namespace
}  // namespace gasm
