// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/communicator.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <time.h>

#include <chrono>
#include <fstream>
#include <limits>
#include <numeric>
#include <thread>

#include "gasm/base/clock.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/message_batch.hpp"
#include "gasm/comm/shared_memory.hpp"
#include "gasm/comm/stop_flag.hpp"
#include "support/mpi_main.hpp"
#include "support/temp_folder.hpp"

// After the others: only this test looks through the door.
#include "gasm/comm/native.hpp"

namespace gasm {
namespace {

/// Small pieces for a test, so that long messages are met without 2 GiB.
class SmallPieces {
 public:
  explicit SmallPieces(std::size_t max_bytes) {
    set_max_message_bytes(max_bytes);
  }
  ~SmallPieces() { set_max_message_bytes(std::size_t(1) << 30); }
};

TEST(Communicator, RanksAreCountedOff) {
  auto const& world = test_world();
  auto const ranks = world.all_gather(world.rank());
  ASSERT_EQ(static_cast<int>(ranks.size()), world.size());
  for (int i = 0; i < world.size(); ++i) EXPECT_EQ(ranks[i], i);
  EXPECT_EQ(world.is_root(), world.rank() == 0);
}

TEST(Communicator, BroadcastsFromEveryRoot) {
  auto const& world = test_world();
  for (int root = 0; root < world.size(); ++root) {
    std::string text = world.rank() == root ? "from " + std::to_string(root)
                                            : "something longer than that";
    world.broadcast(text, root);
    EXPECT_EQ(text, "from " + std::to_string(root));
    std::vector<double> values(5, world.rank());
    world.broadcast(std::span(values), root);
    EXPECT_EQ(values, std::vector<double>(5, root));
    struct Pair {
      int a;
      double b;
    } pair{world.rank(), 0.5};
    world.broadcast(pair, root);
    EXPECT_EQ(pair.a, root);
  }
}

TEST(Communicator, BroadcastsBigAndEmptyTexts) {
  auto const& world = test_world();
  std::string const big(5'000'011, 'x');
  SmallPieces pieces(1'000'000);
  std::string text = world.is_root() ? big : "";
  world.broadcast(text);
  EXPECT_TRUE(text == big);
  if (world.is_root()) text.clear();
  world.broadcast(text);
  EXPECT_TRUE(text.empty());
}

template <class T>
void expect_reductions() {
  auto const& world = test_world();
  int const n = world.size();
  auto const mine = static_cast<T>(world.rank() + 1);
  EXPECT_EQ(world.all_reduce_sum(mine), static_cast<T>(n * (n + 1) / 2));
  EXPECT_EQ(world.all_reduce_max(mine), static_cast<T>(n));
  EXPECT_EQ(world.all_reduce_min(mine), static_cast<T>(1));
  std::vector<T> values(1001);
  std::iota(values.begin(), values.end(), mine);
  world.all_reduce_sum(std::span(values));
  for (int i = 0; i < 1001; ++i)
    ASSERT_EQ(values[i], static_cast<T>(n * (n + 1) / 2 + n * i)) << i;
}

TEST(Communicator, Reduces) {
  expect_reductions<float>();
  expect_reductions<double>();
  expect_reductions<int>();
  expect_reductions<std::int64_t>();
  expect_reductions<std::uint64_t>();
}

TEST(Communicator, ReducesInPieces) {
  SmallPieces pieces(100);
  expect_reductions<float>();
  expect_reductions<double>();
}

TEST(Communicator, ReducesTheWholeRangeOf64Bits) {
  auto const& world = test_world();
  auto const most = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(world.all_reduce_max(world.is_root() ? most : 0), most);
  auto const least = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(world.all_reduce_min(world.is_root() ? least : std::int64_t(0)),
            least);
}

TEST(Communicator, GathersTextsOfAnyLength) {
  auto const& world = test_world();
  SmallPieces pieces(64);
  auto const text_of = [](int rank) {
    return std::string(static_cast<std::size_t>(rank) * 1000,
                       static_cast<char>('a' + rank));
  };
  auto const all = world.all_gather_strings(text_of(world.rank()));
  ASSERT_EQ(static_cast<int>(all.size()), world.size());
  for (int i = 0; i < world.size(); ++i) EXPECT_EQ(all[i], text_of(i));
  int const root = world.size() - 1;
  auto const gathered = world.gather_strings(text_of(world.rank()), root);
  if (world.rank() == root)
    EXPECT_EQ(gathered, all);
  else
    EXPECT_TRUE(gathered.empty());
}

TEST(Communicator, SplitsByColorInOrderOfKey) {
  auto const& world = test_world();
  Communicator part = world.split(world.rank() % 2, -world.rank());
  int const num_even = (world.size() + 1) / 2;
  int const size = world.rank() % 2 == 0 ? num_even : world.size() - num_even;
  EXPECT_EQ(part.size(), size);
  // Keys fall with the rank, so the order is turned round.
  EXPECT_EQ(part.rank(), size - 1 - world.rank() / 2);
  int const sum = part.all_reduce_sum(world.rank());
  int expected = 0;
  for (int i = world.rank() % 2; i < world.size(); i += 2) expected += i;
  EXPECT_EQ(sum, expected);
  part.close();
  EXPECT_EQ(part.size(), 1);
}

TEST(Communicator, OneMachineIsOneNode) {
  Communicator node = test_world().node_local();
  EXPECT_EQ(node.size(), test_world().size());
  EXPECT_EQ(node.rank(), test_world().rank());
  node.close();
}

TEST(Communicator, MovesItsHandle) {
  Communicator a = test_world().duplicate();
  Communicator b = std::move(a);
  EXPECT_EQ(a.size(), 1);  // NOLINT: a moved-from one is self()
  EXPECT_EQ(b.size(), test_world().size());
  EXPECT_EQ(b.all_reduce_sum(1), test_world().size());
  b.close();
}

TEST(Communicator, NullHandsOutMpisSelf) {
  EXPECT_EQ(native_handle(Communicator::self()), MPI_COMM_SELF);
  int size = 0;
  MPI_Comm_size(native_handle(test_world()), &size);
  EXPECT_EQ(size, test_world().size());
}

TEST(Communicator, EntersTheLog) {
  auto const before = last_collective().sequence;
  std::vector<double> values(10);
  test_world().all_reduce_sum(std::span(values));
  auto const last = last_collective();
  EXPECT_EQ(last.sequence, before + 1);
  EXPECT_STREQ(last.name, "all_reduce");
  EXPECT_EQ(last.bytes, 80u);
  EXPECT_FALSE(last.inside);
  auto const all = test_world().all_gather(last.sequence);
  for (auto each : all) EXPECT_EQ(each, last.sequence);
}

TEST(Communicator, AFailingCallIsAnError) {
  EXPECT_THROW(check_mpi(MPI_ERR_TRUNCATE, "a test"), Error);
  int value = 0;
  EXPECT_THROW(test_world().broadcast(value, test_world().size()), Error);
  MPI_Errhandler handler = MPI_ERRHANDLER_NULL;
  MPI_Comm_get_errhandler(native_handle(test_world()), &handler);
  EXPECT_EQ(handler, MPI_ERRORS_RETURN);
}

TEST(Agree, NamesTheLowestFailingRankOnAllRanks) {
  auto const& world = test_world();
  // All but rank 0 fail; rank 1 is the lowest.
  Result<int> mine = 7;
  if (world.rank() > 0)
    mine = tl::unexpected<Error>(
        Error("disk " + std::to_string(world.rank()), ExitCode::usage));
  std::string message;
  ExitCode code = ExitCode::done;
  try {
    EXPECT_EQ(agree(world, mine), 7);
  } catch (AgreedError const& failed) {
    message = failed.what();
    code = failed.code();
  }
  if (world.size() == 1) {
    EXPECT_EQ(message, "");
    return;
  }
  EXPECT_EQ(code, ExitCode::usage);
  EXPECT_EQ(message.find("disk 1 (on rank 1 of " +
                         std::to_string(world.size()) + ", host "),
            0u)
      << message;
  std::string const end =
      world.size() == 2
          ? "; 1 rank failed)"
          : "; " + std::to_string(world.size() - 1) + " ranks failed)";
  EXPECT_NE(message.find(end), std::string::npos) << message;
  for (auto const& each : world.all_gather_strings(message))
    EXPECT_EQ(each, message);
}

TEST(Agree, PassesEveryRanksOwnValue) {
  int const rank = test_world().rank();
  EXPECT_EQ(agree(test_world(), Result<int>(rank)), rank);
  agree_ok(test_world(), {});
}

TEST(Agree, CallTurnsOneRanksExceptionIntoEverybodys) {
  auto const& world = test_world();
  int const last = world.size() - 1;
  EXPECT_THROW(agree_call(world,
                          [&] {
                            if (world.rank() == last)
                              throw std::runtime_error("out of memory");
                          }),
               AgreedError);
  EXPECT_EQ(agree_call(world, [] { return 5; }), 5);
}

double cpu_s() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * used.tv_nsec;
}

TEST(Communicator, BarrierSleepsWhileItWaits) {
  auto const& world = test_world();
  world.barrier();
  double const began_s = monotonic_s();
  double const used_s = cpu_s();
  if (world.rank() == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  world.barrier();
  EXPECT_GT(monotonic_s() - began_s, 0.45);
  EXPECT_LT(cpu_s() - used_s, 0.15);
}

TEST(SharedMemory, IsOneForAllRanksOfAMachine) {
  auto node = test_world().node_local();
  SharedMemory memory(node, 1000);
  auto const all = memory.bytes();
  ASSERT_EQ(all.size(), 1000U);
  for (auto i = static_cast<std::size_t>(node.rank()); i < all.size();
       i += static_cast<std::size_t>(node.size()))
    all[i] = static_cast<std::byte>(i % 251);
  memory.sync(node);
  for (std::size_t i = 0; i < all.size(); ++i)
    ASSERT_EQ(all[i], static_cast<std::byte>(i % 251)) << i;
  memory.close();
  EXPECT_TRUE(memory.bytes().empty());
  node.close();
}

TEST(SharedMemory, MoreThanTheMachineHasIsAnError) {
  auto node = test_world().node_local();
  EXPECT_THROW(SharedMemory(node, std::size_t(1) << 46), Error);
  node.close();
}

TEST(MessageBatch, BringsMessagesBetweenAllPairs) {
  auto const& world = test_world();
  SmallPieces const pieces(1000);
  // Rank a sends b its number, 700 (a + 1) times, and then 3 bytes.
  std::vector<std::vector<std::byte>> received;
  std::vector<std::byte> const sent(
      700 * static_cast<std::size_t>(world.rank() + 1),
      static_cast<std::byte>(world.rank()));
  std::vector<std::byte> const last(3, std::byte{9});
  MessageBatch batch(world);
  for (int from = 0; from < world.size(); ++from)
    received.emplace_back(700 * static_cast<std::size_t>(from + 1) + 3);
  for (int other = 0; other < world.size(); ++other) {
    if (other == world.rank()) continue;
    std::span<std::byte> const into(received[static_cast<std::size_t>(other)]);
    batch.send(sent, other);
    batch.receive(into.first(into.size() - 3), other);
    batch.send(last, other);
    batch.receive(into.last(3), other);
  }
  batch.wait();
  for (int from = 0; from < world.size(); ++from) {
    if (from == world.rank()) continue;
    auto const& bytes = received[static_cast<std::size_t>(from)];
    EXPECT_EQ(bytes.front(), static_cast<std::byte>(from));
    EXPECT_EQ(bytes[bytes.size() - 4], static_cast<std::byte>(from));
    EXPECT_EQ(bytes.back(), std::byte{9});
  }
  batch.wait();  // nothing is left
}

TEST(SharedTempFolder, IsOneForAll) {
  auto const folder = shared_temp_folder();
  if (test_world().is_root()) std::ofstream(folder / "note") << "hello";
  test_world().barrier();
  std::string text;
  std::ifstream(folder / "note") >> text;
  EXPECT_EQ(text, "hello");
  TempFolder own;
  auto const all = test_world().all_gather_strings(own.path().string());
  for (int i = 0; i < test_world().size(); ++i)
    EXPECT_EQ(all[i] == own.path(), i == test_world().rank());
}

TEST(StopFlag, OneRanksSignalStopsAllByAgreement) {
  auto const& world = test_world();
  StopFlag flag;
  if (world.rank() == world.size() - 1) raise(SIGTERM);
  EXPECT_EQ(world.all_reduce_max(flag.requested() ? 1 : 0), 1);
}

}  // namespace
}  // namespace gasm
