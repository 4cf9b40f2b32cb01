// SPDX-License-Identifier: Apache-2.0
#include "step_guard.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "support/mpi_main.hpp"

namespace gasm {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(StepGuardTest, NamesTheOneRankWhoseLossIsNoNumber) {
  auto const& world = test_world();
  int const odd = world.size() - 1;
  StepGuard guard;
  guard.begin_step();
  guard.note_loss(4, at::full({}, 1.0F));
  guard.note_loss(5, at::full({}, world.rank() == odd ? kNan : 1.0F));
  // A loss that is no number makes a gradient that is none.
  EXPECT_EQ(guard.find_culprits(world, 1),
            fmt::format("the loss of micro-batch 6 on rank {}", odd));
  guard.begin_step();
  EXPECT_EQ(guard.find_culprits(world, {}), "");
}

TEST(StepGuardTest, NamesTheGradientWhereAllLossesAreFinite) {
  auto const& world = test_world();
  int const odd = world.size() - 1;
  StepGuard guard;
  guard.note_loss(0, at::full({}, 1.0F));
  auto const mine = world.rank() == odd ? std::optional<std::int64_t>(2)
                                        : std::optional<std::int64_t>();
  EXPECT_EQ(guard.find_culprits(world, mine),
            fmt::format("the gradient of micro-batch 3 on rank {}", odd));
}

TEST(StepGuardTest, NamesThreeOfMany) {
  auto const& world = test_world();
  StepGuard guard;
  guard.note_loss(0, at::full({}, kNan));
  auto const text = guard.find_culprits(world, {});
  for (int rank = 0; rank < std::min(world.size(), 3); ++rank)
    EXPECT_NE(text.find(fmt::format("on rank {}", rank)), std::string::npos);
  EXPECT_EQ(text.find("on rank 3"), std::string::npos);
  EXPECT_EQ(text.ends_with("and 1 more"), world.size() == 4);
}

}  // namespace
}  // namespace gasm
