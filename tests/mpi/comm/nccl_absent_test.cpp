// SPDX-License-Identifier: Apache-2.0
// Built with the sources of a build without NCCL.
#include <gtest/gtest.h>

#include "gasm/comm/agree.hpp"
#include "gasm/comm/nccl_collective.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

TEST(NcclAbsent, IsRefusedOnAllRanksWithTheReason) {
  auto const info = nccl_info();
  EXPECT_FALSE(info.is_built);
  EXPECT_NE(info.problem.find("NCCL is not in this build"), std::string::npos);
  EXPECT_THROW(make_nccl_collective(test_world()), AgreedError);
  EXPECT_THROW(cuda_device_of(test_world()), AgreedError);
  EXPECT_THROW(make_collective(test_world(), Memory::cuda), AgreedError);
  EXPECT_EQ(make_collective(test_world(), Memory::host)->memory(),
            Memory::host);
}

}  // namespace
}  // namespace gasm
