// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/communicator.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "gasm/comm/agree.hpp"
#include "gasm/comm/collective.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/mpi_session.hpp"
#include "gasm/comm/run_guarded.hpp"

namespace gasm {
namespace {

TEST(NullCommunicator, IsRankZeroOfOne) {
  Communicator const self = Communicator::self();
  EXPECT_EQ(self.rank(), 0);
  EXPECT_EQ(self.size(), 1);
  EXPECT_TRUE(self.is_root());
}

TEST(NullCommunicator, EveryOperationWorksWithoutMpi) {
  Communicator self;
  self.barrier();
  std::string text = "kept";
  self.broadcast(text);
  EXPECT_EQ(text, "kept");
  std::vector<double> values = {1.5, 2.5};
  self.broadcast(std::span(values));
  self.all_reduce_sum(std::span(values));
  EXPECT_EQ(values, (std::vector<double>{1.5, 2.5}));
  EXPECT_EQ(self.all_reduce_max(std::int64_t(7)), 7);
  EXPECT_EQ(self.all_reduce_min(7.0f), 7.0f);
  EXPECT_EQ(self.all_gather(3), std::vector<int>{3});
  EXPECT_EQ(self.all_gather_strings("a"), std::vector<std::string>{"a"});
  EXPECT_EQ(self.gather_strings("b"), std::vector<std::string>{"b"});
  EXPECT_EQ(self.split(3, 0).size(), 1);
  EXPECT_EQ(self.node_local().size(), 1);
  EXPECT_EQ(self.duplicate().size(), 1);
  self.close();
  EXPECT_EQ(self.size(), 1);
}

TEST(NullCommunicator, RefusesWhatARealOneRefuses) {
  Communicator const self;
  int value = 0;
  EXPECT_THROW(self.broadcast(value, 1), Error);
  EXPECT_THROW(self.broadcast(value, -1), Error);
  EXPECT_THROW(self.gather_strings("x", 1), Error);
  EXPECT_THROW(self.split(-1, 0), Error);
}

TEST(Agree, OnOneRankKeepsValueMessageAndCode) {
  Communicator const self;
  EXPECT_EQ(agree(self, Result<int>(5)), 5);
  agree_ok(self, {});
  try {
    agree_ok(self, tl::unexpected<Error>(usage_error("no such key")));
    FAIL() << "an error went unnoticed";
  } catch (AgreedError const& failed) {
    EXPECT_STREQ(failed.what(), "no such key");
    EXPECT_EQ(failed.code(), ExitCode::usage);
  }
}

TEST(Agree, TurnsExceptionsIntoAgreedErrors) {
  Communicator const self;
  EXPECT_EQ(agree_call(self, [] { return std::string("fine"); }), "fine");
  EXPECT_THROW(agree_call(self, [] { throw error("bad"); }), AgreedError);
  EXPECT_THROW(agree_call(self, [] { throw std::bad_alloc(); }), AgreedError);
}

TEST(CollectiveLog, CountsOuterScopesOnly) {
  auto const before = last_collective();
  {
    CollectiveScope outer("outer", 10);
    CollectiveScope inner("inner", 20);
    auto const last = last_collective();
    EXPECT_STREQ(last.name, "outer");
    EXPECT_EQ(last.bytes, 10u);
    EXPECT_EQ(last.sequence, before.sequence + 1);
    EXPECT_TRUE(last.inside);
  }
  EXPECT_FALSE(last_collective().inside);
}

TEST(SelfCollective, SumsTheTree) {
  auto const self = make_self_collective();
  TreeSum sum(3, 2);
  sum.reset(0, 3);
  for (float i = 0; i < 3; ++i) sum.add_leaf(std::vector<float>{i, 10 * i});
  std::vector<float> out(2);
  self->reduce(sum, out);
  EXPECT_EQ(out, (std::vector<float>{3, 30}));
}

TEST(SelfCollective, RefusesAnIncompleteSum) {
  auto const self = make_self_collective();
  TreeSum sum(3, 1);
  std::vector<float> out(1);
  sum.reset(0, 3);
  sum.add_leaf(out);
  EXPECT_THROW(self->reduce(sum, out), AgreedError);
  sum.reset(0, 1);
  sum.add_leaf(out);
  EXPECT_THROW(self->reduce(sum, out), AgreedError);
}

TEST(RunGuardedSerial, ReturnsTheCode) {
  EXPECT_EQ(run_guarded_serial([] { return ExitCode::requeue; }), 85);
  EXPECT_EQ(run_guarded_serial([]() -> ExitCode { throw error("x"); }), 4);
  EXPECT_EQ(run_guarded_serial([]() -> ExitCode { throw usage_error("x"); }),
            2);
  EXPECT_EQ(run_guarded_serial([]() -> ExitCode { throw 1; }), 3);
}

TEST(MpiEnvironment, IsSetOnlyWhereUnset) {
  setenv("OMPI_MCA_fcoll", "individual", 1);
  unsetenv("OMPI_MCA_fs_ufs_lock_algorithm");
  unsetenv("OMPI_MCA_btl_tcp_flags");
  unsetenv("HDF5_USE_FILE_LOCKING");
  set_mpi_environment();
  EXPECT_STREQ(getenv("OMPI_MCA_fcoll"), "individual");
  EXPECT_STREQ(getenv("OMPI_MCA_fs_ufs_lock_algorithm"), "3");
  EXPECT_STREQ(getenv("OMPI_MCA_btl_tcp_flags"),
               "send,inplace,need-ack,need-csum,hetero-rdma");
  EXPECT_STREQ(getenv("HDF5_USE_FILE_LOCKING"), "FALSE");
}

}  // namespace
}  // namespace gasm
