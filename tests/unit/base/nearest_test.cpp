// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/nearest.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace gasm {
namespace {

TEST(Nearest, FindsWhatWasMeant) {
  std::vector<std::string> const keys = {"global_batch", "micro_batch",
                                         "epochs"};
  EXPECT_EQ(nearest("globl_batch", keys), "global_batch");
  EXPECT_EQ(nearest("epoch", keys), "epochs");
  EXPECT_EQ(nearest("epohcs", keys), "epochs");
  EXPECT_EQ(nearest("something", keys), "");
  EXPECT_EQ(nearest("x", {}), "");
}

}  // namespace
}  // namespace gasm
