// SPDX-License-Identifier: Apache-2.0
// What surrounds NCCL's calls, with an NCCL that works on the host. The real
// one is in tests/gpu.
#include "gasm/comm/nccl_collective.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <thread>

#include "fake_nccl.hpp"
#include "gasm/comm/agree.hpp"
#include "hang_actions.hpp"
#include "support/mpi_main.hpp"
#include "support/typed_numbers.hpp"

namespace gasm {
namespace {

using Kind = Reduction::Kind;
constexpr DataType kTypes[] = {DataType::fp32, DataType::bf16, DataType::fp16};

Values on_device(TypedNumbers& numbers) {
  auto values = numbers.values();
  values.memory = Memory::cuda;
  return values;
}

TypedNumbers numbers_of(DataType type, std::size_t count, int rank) {
  TypedNumbers numbers(type, count);
  for (std::size_t i = 0; i < count; ++i)
    numbers.set(i, number_of(static_cast<std::uint64_t>(rank), i));
  return numbers;
}

/// Exact in every type.
float factor_of(int rank) { return 0.5f + 0.25f * static_cast<float>(rank); }

double expected(DataType type, Kind kind, std::size_t count, std::size_t i) {
  double sum = 0.0;
  double largest = -1e30;
  int const n = test_world().size();
  for (int rank = 0; rank < n; ++rank) {
    double const value = numbers_of(type, count, rank).at(i);
    sum += value * (kind == Kind::scaled_sum ? factor_of(rank) : 1.0f);
    largest = std::max(largest, value);
  }
  if (kind == Kind::maximum) return largest;
  return kind == Kind::mean ? sum / n : sum;
}

/// The same text on all ranks, with `part` in it.
template <class Body>
void expect_refusal(std::string const& part, Body body) {
  std::string text = "nothing was thrown";
  try {
    body();
  } catch (AgreedError const& refused) {
    text = refused.what();
  }
  EXPECT_NE(text.find(part), std::string::npos) << text;
  for (auto const& other : test_world().all_gather_strings(text))
    EXPECT_EQ(other, text);
}

template <class Body>
void expect_error(std::string const& part, Body body) {
  try {
    body();
    FAIL() << "nothing was thrown; expected " << part;
  } catch (Error const& failed) {
    EXPECT_NE(std::string(failed.what()).find(part), std::string::npos)
        << failed.what();
  }
}

/// Without a thread that polls: tests look at every call.
std::unique_ptr<Collective> make(NcclApi const& api, double deadline_s = 10.0,
                                 double poll_s = 0.0) {
  return make_nccl_collective(
      test_world(), {.deadline_s = deadline_s, .poll_s = poll_s}, api);
}

TEST(NcclStart, SharesRootsIdAndTakesDevicesInTurn) {
  auto const api = fake_api();
  fake().num_devices = 3;
  auto const collective = make(api);
  ASSERT_EQ(fake().id.size(), sizeof(ncclUniqueId));
  for (std::size_t i = 0; i < fake().id.size(); ++i)
    ASSERT_EQ(fake().id[i], static_cast<char>(3 * i + 1)) << i;
  EXPECT_EQ(fake().blocking, 0);
  EXPECT_EQ(fake().device, test_world().rank() % 3);
  EXPECT_EQ(collective->memory(), Memory::cuda);
  collective->close();
  EXPECT_EQ(fake().num_finalized, 1);
  EXPECT_EQ(fake().num_destroyed, 1);
  EXPECT_EQ(fake().num_aborts, 0);
}

TEST(NcclStart, RefusesWhereThereIsNoDevice) {
  auto const api = fake_api();
  if (test_world().rank() == test_world().size() - 1)
    fake().device_error = cudaErrorNoDevice;
  expect_refusal("no CUDA-capable device", [&] { make(api); });
  fake().device_error = cudaSuccess;
  fake().num_devices = 0;
  expect_refusal("Try parallel.backend: mpi", [&] { make(api); });
  fake().num_devices = 2;
  expect_refusal("there is no CUDA device 2 (devices 0 to 1", [&] {
    make_nccl_collective(test_world(), {.device = 2}, api);
  });
}

TEST(NcclStart, RefusesSeveralRanksOnAGpuBefore230) {
  if (test_world().size() == 1) GTEST_SKIP() << "one rank shares nothing";
  unsetenv("NCCL_MULTI_RANK_GPU_ENABLE");
  auto const api = fake_api();
  fake().bus_id = "0000:17:00.0";
  expect_refusal("ranks 0 and 1 are on one GPU (NCCL 2.28.9",
                 [&] { make(api); });
  EXPECT_EQ(std::getenv("NCCL_MULTI_RANK_GPU_ENABLE"), nullptr);
  fake().version = 23003;
  make(api)->close();
  EXPECT_STREQ(std::getenv("NCCL_MULTI_RANK_GPU_ENABLE"), "1");
}

TEST(NcclStart, RefusesTwoVersions) {
  if (test_world().size() == 1) GTEST_SKIP() << "one rank has one version";
  auto const api = fake_api();
  if (test_world().rank() == 1) fake().version = 23003;
  expect_refusal("rank 1 has loaded NCCL 2.30.3, rank 0 2.28.9",
                 [&] { make(api); });
}

TEST(NcclStart, EndsWhenARankDoesNotCome) {
  auto const api = fake_api();
  fake().num_pending_polls = 1 << 30;
  expect_refusal("ncclCommInitRankConfig took more than",
                 [&] { make(api, 0.05); });
  EXPECT_EQ(fake().num_aborts, 1);
}

TEST(NcclCalls, AreThoseOfMpiForEveryTypeAndReduction) {
  auto const collective = make(fake_api());
  int const rank = collective->rank();
  auto const n = static_cast<std::size_t>(collective->size());
  std::size_t const share = 5;
  for (DataType type : kTypes) {
    for (Kind kind : {Kind::sum, Kind::mean, Kind::scaled_sum, Kind::maximum}) {
      Reduction const reduction{kind, factor_of(rank)};
      auto all = numbers_of(type, n * share, rank);
      auto part = all;
      collective->all_reduce(on_device(all), reduction);
      collective->reduce_scatter(on_device(part), reduction);
      for (std::size_t i = 0; i < all.size(); ++i) {
        double const wanted = expected(type, kind, n * share, i);
        ASSERT_NEAR(all.at(i), wanted, half_ulp(type, wanted) + 1e-12);
        bool const is_mine = i / share == static_cast<std::size_t>(rank);
        ASSERT_EQ(part.at(i),
                  is_mine ? all.at(i) : numbers_of(type, n * share, rank).at(i))
            << i;
      }
    }
    auto gathered = numbers_of(type, n * share, rank);
    auto sent = numbers_of(type, 7, rank);
    int const root = collective->size() - 1;
    collective->all_gather(on_device(gathered));
    collective->broadcast(on_device(sent), root);
    for (std::size_t i = 0; i < gathered.size(); ++i)
      ASSERT_EQ(gathered.at(i),
                numbers_of(type, n * share, static_cast<int>(i / share)).at(i));
    for (std::size_t i = 0; i < sent.size(); ++i)
      ASSERT_EQ(sent.at(i), numbers_of(type, 7, root).at(i));
  }
  collective->wait();
  EXPECT_EQ(fake().num_open_ops, 0);
  EXPECT_EQ(fake().factors.size(), 6u);  // two a type
  collective->close();
}

TEST(NcclCalls, AreComparedOverTheRanksAtFirst) {
  auto const collective = make(fake_api());
  int const n = collective->size();
  TypedNumbers numbers(DataType::fp32, static_cast<std::size_t>(2 * n + 1));
  if (n > 1) {
    TypedNumbers other(DataType::bf16, numbers.size());
    expect_refusal("rank 1 calls all_reduce", [&] {
      collective->all_reduce(
          on_device(collective->rank() == 1 ? other : numbers));
    });
    expect_refusal("shares must be equal",
                   [&] { collective->all_gather(on_device(numbers)); });
  }
  expect_refusal("works in CUDA memory",
                 [&] { collective->all_reduce(numbers.values()); });
  // Trusted later, but still not what no rank can do.
  for (int i = 0; i < 120; ++i) collective->all_reduce(on_device(numbers));
  expect_refusal("works in CUDA memory",
                 [&] { collective->all_reduce(numbers.values()); });
  collective->close();
}

TEST(NcclCalls, RefuseTheTree) {
  auto const collective = make(fake_api());
  TreeSum sum(collective->size(), 2);
  std::vector<float> out(2);
  expect_refusal("fixed tree works on host memory",
                 [&] { collective->reduce(sum, out); });
  collective->close();
}

TEST(NcclFailure, AbortsAndStaysClosed) {
  auto const collective = make(fake_api());
  TypedNumbers numbers(DataType::fp32, 4);
  fake().async_error = ncclRemoteError;
  expect_error("NCCL failed in all_reduce (remote error)",
               [&] { collective->all_reduce(on_device(numbers)); });
  EXPECT_EQ(fake().num_aborts, 1);
  fake().async_error = ncclSuccess;
  expect_error("is closed",
               [&] { collective->all_reduce(on_device(numbers)); });
  expect_error("is closed", [&] { collective->wait(); });
  EXPECT_EQ(fake().num_aborts, 1);
  collective->close();
  EXPECT_EQ(fake().num_destroyed, 0);
}

TEST(NcclFailure, IsFoundWhileTheStreamRuns) {
  auto collective = make(fake_api());
  fake().stream_state = cudaErrorNotReady;
  fake().async_error = ncclRemoteError;
  expect_error("NCCL failed in the stream (remote error)",
               [&] { collective->wait(); });
  collective = make(fake_api(), 0.05);
  fake().stream_state = cudaErrorNotReady;
  expect_error("the stream took more than 0.05 s", [&] { collective->wait(); });
  collective = make(fake_api());
  fake().stream_state = cudaErrorLaunchFailure;
  expect_error("CUDA failed in the stream", [&] { collective->wait(); });
  EXPECT_EQ(fake().num_aborts, 1);
}

TEST(NcclFailure, IsPolledForWhileNobodyCalls) {
  auto const collective = make(fake_api(), 10.0, 0.02);
  TypedNumbers numbers(DataType::fp32, 4);
  collective->all_reduce(on_device(numbers));
  fake().async_error = ncclRemoteError;
  for (int i = 0; i < 500 && fake().num_aborts == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(fake().num_aborts, 1);
  test_world().barrier();
  expect_error("is closed (NCCL failed (remote error))",
               [&] { collective->wait(); });
  EXPECT_EQ(fake().num_aborts, 1);
  collective->close();
  EXPECT_EQ(fake().num_destroyed, 0);
}

TEST(NcclFailure, AWatchdogAbortsFirst) {
  auto const first = make(fake_api());
  run_hang_actions(10.0);
  EXPECT_EQ(fake().num_aborts, 1);
  expect_error("is closed (a watchdog ended this process)",
               [&] { first->wait(); });
  first->close();
  make(fake_api())->close();
  run_hang_actions(10.0);
  EXPECT_EQ(fake().num_aborts, 0);
}

TEST(MakeCollective, RefusesMixedDevices) {
  if (test_world().size() == 1) GTEST_SKIP() << "one rank mixes nothing";
  bool const is_odd = test_world().rank() == 1;
  expect_refusal("rank 1 works in CUDA memory, rank 0 in host memory", [&] {
    make_collective(test_world(), is_odd ? Memory::cuda : Memory::host);
  });
  auto const collective = make_collective(test_world(), Memory::host);
  EXPECT_EQ(collective->memory(), Memory::host);
  collective->close();
}

TEST(RealNccl, IsThereOrSaysWhyNot) {
  auto const info = nccl_info();
  EXPECT_TRUE(info.is_built);
  EXPECT_EQ(info.problem.empty(), info.num_devices > 0) << info.problem;
  if (info.num_devices > 0) GTEST_SKIP() << "there are devices";
  expect_refusal("Try parallel.backend: mpi",
                 [] { make_nccl_collective(test_world()); });
  expect_refusal("Try parallel.backend: mpi",
                 [] { cuda_device_of(test_world()); });
}

}  // namespace
}  // namespace gasm
