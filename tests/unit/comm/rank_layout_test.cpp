// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/rank_layout.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include "gasm/base/host_name.hpp"

namespace gasm {
namespace {

TEST(RankLayout, SaysNodesRanksDevicesAndCores) {
  EXPECT_EQ(layout_text({{"a", {0, 1, 2, 3}, "cuda:0"},
                         {"a", {4, 5, 6, 7}, "cuda:1"},
                         {"b", {0, 1, 2, 3}, "cuda:0"}}),
            "node a: ranks 0-1 on cuda:0-1, cores 0-7, 4 a rank\n"
            "node b: rank 2 on cuda:0, cores 0-3");
  EXPECT_EQ(
      layout_text({{"a", {3}, "cpu"}, {"b", {1}, "cpu"}, {"a", {1}, "cpu"}}),
      "node a: ranks 0,2 on cpu, cores 1,3, 1 a rank\n"
      "node b: rank 1 on cpu, core 1");
}

TEST(RankLayout, SaysWhoSharesCores) {
  EXPECT_EQ(layout_text({{"a", {0, 1}, "cpu"}, {"a", {0, 1}, "cpu"}}),
            "node a: ranks 0-1 on cpu, cores 0-1, shared by all");
  EXPECT_EQ(layout_text({{"a", {0, 1}, "cpu"}, {"a", {1, 2}, "cpu"}}),
            "node a: ranks 0-1 on cpu, cores 0-2, some of them shared");
  EXPECT_EQ(layout_text({{"a", {0, 1}, "cpu"}, {"a", {2}, "cpu"}}),
            "node a: ranks 0-1 on cpu, cores 0-2, each its own");
  EXPECT_EQ(layout_text({{"a", {0}, "cpu"}, {"a", {0}, "cpu"}}),
            "node a: ranks 0-1 on cpu, core 0, shared by all (fewer cores than "
            "ranks: these wait for each other)");
}

TEST(RankLayout, IsOfThisProcess) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  auto const place = place_of_this_rank("cpu");
  EXPECT_EQ(place.host, host_name());
  EXPECT_EQ(place.cores.size(), static_cast<std::size_t>(CPU_COUNT(&allowed)));
  EXPECT_EQ(rank_layout(Communicator::self(), "cpu"), layout_text({place}));
}

}  // namespace
}  // namespace gasm
