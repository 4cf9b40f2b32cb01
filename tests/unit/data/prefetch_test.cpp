// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/prefetch.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>

namespace gasm {
namespace {

using IntPrefetcher = Prefetcher<int, int>;

IntPrefetcher::Jobs count_to(int end) {
  return [next = 0, end]() mutable -> std::optional<int> {
    if (next == end) return std::nullopt;
    return next++;
  };
}

void sleep_ms(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

PrefetchOptions with(std::int64_t num_threads, std::int64_t depth) {
  PrefetchOptions options;
  options.num_threads = num_threads;
  options.depth = depth;
  return options;
}

std::string message_of(IntPrefetcher& prefetcher) {
  try {
    prefetcher.next();
  } catch (std::exception const& e) {
    return e.what();
  }
  return "";
}

TEST(Prefetcher, ThreadsGiveWayAndTheCallerDoesNot) {
  auto const niceness = [] { return ::getpriority(PRIO_PROCESS, 0); };
  int const before = niceness();
  auto const tell = [&] {
    return [&](int const&, std::stop_token) { return niceness(); };
  };
  IntPrefetcher prefetcher(count_to(1), tell, with(1, 1));
  EXPECT_EQ(prefetcher.next(), 19);
  EXPECT_EQ(niceness(), before);
}

TEST(Prefetcher, DeliversInOrderWhateverTheThreads) {
  auto const square = [] {
    return [](int const& job, std::stop_token) {
      if (job % 3 == 0) sleep_ms(1);  // others overtake it
      return job * job;
    };
  };
  for (std::int64_t threads : {1, 2, 5}) {
    for (std::int64_t depth : {1, 2, 7}) {
      IntPrefetcher prefetcher(count_to(40), square, with(threads, depth));
      for (int i = 0; i < 40; ++i) EXPECT_EQ(prefetcher.next(), i * i);
      EXPECT_EQ(prefetcher.next(), std::nullopt);
      EXPECT_EQ(prefetcher.next(), std::nullopt);
      EXPECT_EQ(prefetcher.stats().num_delivered, 40);
    }
  }
}

TEST(Prefetcher, AnEmptyStreamEndsAtOnce) {
  IntPrefetcher prefetcher(
      count_to(0),
      [] { return [](int const& j, std::stop_token) { return j; }; },
      with(3, 2));
  EXPECT_EQ(prefetcher.next(), std::nullopt);
}

TEST(Prefetcher, NeverHoldsMoreThanItsDepth) {
  std::atomic<int> num_started = 0;
  IntPrefetcher prefetcher(
      count_to(100),
      [&] {
        return [&](int const& job, std::stop_token) {
          ++num_started;
          return job;
        };
      },
      with(4, 3));
  for (int delivered = 0; delivered < 20; ++delivered) {
    sleep_ms(2);
    EXPECT_LE(num_started, delivered + 3);
    EXPECT_EQ(prefetcher.next(), delivered);
  }
}

TEST(Prefetcher, EveryThreadGetsAWorkerOfItsOwn) {
  std::atomic<int> num_workers = 0;
  std::atomic<int> num_foreign = 0;
  IntPrefetcher prefetcher(
      count_to(50),
      [&] {
        ++num_workers;
        return [&, owner = std::this_thread::get_id()](int const& job,
                                                       std::stop_token) {
          if (std::this_thread::get_id() != owner) ++num_foreign;
          return job;
        };
      },
      with(3, 6));
  while (prefetcher.next()) continue;
  EXPECT_LE(num_workers, 3);
  EXPECT_EQ(num_foreign, 0);
}

TEST(Prefetcher, AWorkersExceptionTakesItsPlaceInTheOrder) {
  IntPrefetcher prefetcher(
      count_to(50),
      [] {
        return [](int const& job, std::stop_token) {
          if (job == 7) throw error("job {} is bad", job);
          return job;
        };
      },
      with(4, 5));
  for (int i = 0; i < 7; ++i) EXPECT_EQ(prefetcher.next(), i);
  EXPECT_EQ(message_of(prefetcher), "job 7 is bad");
  EXPECT_EQ(message_of(prefetcher), "job 7 is bad");
}

TEST(Prefetcher, AnExceptionOfTheJobSourceTakesItsPlaceToo) {
  auto jobs = [next = 0]() mutable -> std::optional<int> {
    if (next == 3) throw error("no job after {}", next);
    return next++;
  };
  IntPrefetcher prefetcher(
      jobs, [] { return [](int const& j, std::stop_token) { return j; }; },
      with(2, 8));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(prefetcher.next(), i);
  EXPECT_EQ(message_of(prefetcher), "no job after 3");
}

TEST(Prefetcher, AWorkerThatCannotBeMadeIsReported) {
  IntPrefetcher prefetcher(
      count_to(50),
      []() -> IntPrefetcher::Worker { throw error("no decoder"); }, with(2, 4));
  EXPECT_EQ(message_of(prefetcher), "no decoder");
  EXPECT_EQ(message_of(prefetcher), "no decoder");
}

TEST(Prefetcher, StopsRunningAndWaitingJobsSoon) {
  double const start_s = monotonic_s();
  {
    std::atomic<bool> running = false;
    IntPrefetcher prefetcher(
        count_to(1000),
        [&] {
          return [&](int const& job, std::stop_token stop) {
            running = true;
            for (int i = 0; i < 30000 && !stop.stop_requested(); ++i)
              sleep_ms(1);
            return job;
          };
        },
        with(3, 2));  // one thread waits for room
    while (!running) sleep_ms(1);
  }
  EXPECT_LT(monotonic_s() - start_s, 5.0);
}

TEST(Prefetcher, MeasuresWaitingAndWork) {
  IntPrefetcher prefetcher(
      count_to(5),
      [] {
        return [](int const& job, std::stop_token) {
          sleep_ms(10);
          return job;
        };
      },
      with(1, 1));
  while (prefetcher.next()) continue;
  auto const stats = prefetcher.stats();
  EXPECT_GE(stats.work_s, 0.05);
  EXPECT_GE(stats.data_wait_s, 0.03);  // nobody else kept the caller
}

TEST(Prefetcher, ASystemWithoutMoreThreadsIsAnErrorAndNoHang) {
  pthread_attr_t usual{};
  ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
  std::atomic<int> num_workers = 0;
  // The first worker makes every later thread's stack too large to have.
  auto const make_worker = [&] {
    pthread_attr_t huge{};
    pthread_attr_init(&huge);
    pthread_attr_setstacksize(&huge, std::size_t{1} << 46);
    pthread_setattr_default_np(&huge);
    pthread_attr_destroy(&huge);
    ++num_workers;
    return [](int const& job, std::stop_token) { return job; };
  };
  EXPECT_THROW(IntPrefetcher(count_to(1000), make_worker, with(10000, 2)),
               std::system_error);
  pthread_setattr_default_np(&usual);
  pthread_attr_destroy(&usual);
  EXPECT_GE(num_workers, 1);
}

TEST(Prefetcher, RefusesNoThreadsAndNoDepth) {
  auto const make = [](std::int64_t threads, std::int64_t depth) {
    IntPrefetcher prefetcher(
        count_to(1),
        [] { return [](int const& j, std::stop_token) { return j; }; },
        with(threads, depth));
  };
  EXPECT_THROW(make(0, 1), Error);
  EXPECT_THROW(make(1, 0), Error);
}

}  // namespace
}  // namespace gasm
