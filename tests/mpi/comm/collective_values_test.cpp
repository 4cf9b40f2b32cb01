// SPDX-License-Identifier: Apache-2.0
// Every operation, reduction and type beside MPI itself, in doubles.
#include <gtest/gtest.h>
#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "gasm/comm/agree.hpp"
#include "gasm/comm/collective.hpp"
#include "gasm/comm/native.hpp"
#include "support/mpi_main.hpp"
#include "support/typed_numbers.hpp"

namespace gasm {
namespace {

using Kind = Reduction::Kind;
constexpr DataType kTypes[] = {DataType::fp32, DataType::bf16, DataType::fp16};
constexpr Kind kKinds[] = {Kind::sum, Kind::mean, Kind::scaled_sum,
                           Kind::maximum};
/// More than goes in one exchange, for every type; odd.
constexpr std::size_t kMany = (std::size_t(1) << 21) + 4099;

/// This rank's own: 0.5, 0.75, 1, ...
float factor_of(int rank) { return 0.5f + 0.25f * static_cast<float>(rank); }

/// A factor changes scaled sums alone.
Reduction reduction_of(Kind kind, int rank) { return {kind, factor_of(rank)}; }

TypedNumbers numbers_of(DataType type, std::size_t count, int rank) {
  TypedNumbers numbers(type, count);
  for (std::size_t i = 0; i < count; ++i)
    numbers.set(i, number_of(static_cast<std::uint64_t>(rank), i));
  return numbers;
}

std::size_t padded(std::size_t count) {
  auto const n = static_cast<std::size_t>(test_world().size());
  return (count + n - 1) / n * n;
}

/// What MPI makes of all ranks' numbers in doubles, and of their magnitudes:
/// these bound what rounding of sums may lose.
struct Oracle {
  std::vector<double> result;
  std::vector<double> magnitude;

  Oracle(TypedNumbers const& mine, Kind kind) {
    int const rank = test_world().rank();
    double const factor = kind == Kind::scaled_sum ? factor_of(rank) : 1.0f;
    for (std::size_t i = 0; i < mine.size(); ++i) {
      result.push_back(factor * static_cast<double>(mine.at(i)));
      magnitude.push_back(std::abs(result.back()));
    }
    add(result, kind == Kind::maximum ? MPI_MAX : MPI_SUM);
    add(magnitude, MPI_SUM);
    if (kind == Kind::mean)
      for (double& value : result) value /= test_world().size();
  }

  static void add(std::vector<double>& values, MPI_Op op) {
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data(),
                            static_cast<int>(values.size()), MPI_DOUBLE, op,
                            native_handle(test_world())),
              "oracle");
  }

  double tolerance(DataType type, std::size_t i) const {
    return half_ulp(type, result[i]) +
           test_world().size() * 0x1p-23 * magnitude[i];
  }
};

void expect_near(TypedNumbers const& found, Oracle const& oracle, DataType type,
                 std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i)
    ASSERT_NEAR(static_cast<double>(found.at(i)), oracle.result[i],
                oracle.tolerance(type, i))
        << i;
}

std::string place(DataType type, Kind kind, std::size_t count) {
  return fmt::format("{} values of {}, {}", count, name_of(type),
                     name_of(kind));
}

std::unique_ptr<Collective> make() { return make_mpi_collective(test_world()); }

void check_all_reduce(Collective& collective, DataType type, Kind kind,
                      std::size_t count) {
  SCOPED_TRACE(place(type, kind, count));
  auto numbers = numbers_of(type, count, collective.rank());
  Oracle const oracle(numbers, kind);
  collective.all_reduce(numbers.values(),
                        reduction_of(kind, collective.rank()));
  expect_near(numbers, oracle, type, 0, count);
}

void check_reduce_scatter(Collective& collective, DataType type, Kind kind,
                          std::size_t count) {
  SCOPED_TRACE(place(type, kind, count));
  auto numbers = numbers_of(type, count, collective.rank());
  auto const before = numbers;
  Oracle const oracle(numbers, kind);
  collective.reduce_scatter(numbers.values(),
                            reduction_of(kind, collective.rank()));
  std::size_t const share = count / static_cast<std::size_t>(collective.size());
  std::size_t const first = share * static_cast<std::size_t>(collective.rank());
  expect_near(numbers, oracle, type, first, first + share);
  for (std::size_t i = 0; i < count; ++i) {
    bool const is_mine = i >= first && i < first + share;
    ASSERT_TRUE(is_mine || numbers.at(i) == before.at(i)) << i;
  }
}

TEST(AllReduce, IsThatOfMpiForEveryTypeAndReduction) {
  auto const collective = make();
  for (DataType type : kTypes)
    for (Kind kind : kKinds)
      for (std::size_t count : {0, 1, 2, 7, 4096, 100003})
        check_all_reduce(*collective, type, kind, count);
}

TEST(AllReduce, TakesMoreThanOneExchange) {
  auto const collective = make();
  for (DataType type : kTypes) {
    test_watchdog().progress(name_of(type));
    check_all_reduce(*collective, type, Kind::scaled_sum, kMany);
  }
}

TEST(ReduceScatter, IsThatOfMpiForEveryTypeAndReduction) {
  auto const collective = make();
  for (DataType type : kTypes)
    for (Kind kind : kKinds)
      for (std::size_t count : {0, 1, 7, 4096, 100003})
        check_reduce_scatter(*collective, type, kind, padded(count));
}

TEST(ReduceScatter, TakesMoreThanOneExchange) {
  auto const collective = make();
  for (DataType type : kTypes) {
    test_watchdog().progress(name_of(type));
    check_reduce_scatter(*collective, type, Kind::mean, padded(kMany));
  }
}

TEST(AllReduce, GivesAllRanksTheSameBits) {
  auto const collective = make();
  for (DataType type : kTypes) {
    auto numbers = numbers_of(type, 1003, collective->rank());
    collective->all_reduce(numbers.values());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      float const value = numbers.at(i);
      ASSERT_EQ(test_world().all_reduce_max(value), value);
      ASSERT_EQ(test_world().all_reduce_min(value), value);
    }
  }
}

TEST(AllReduce, Rounds16BitsOnce) {
  auto const collective = make();
  int const n = collective->size();
  // In 16 bits, 1 + tiny is 1 again; summed as floats, the tiny ones count.
  for (DataType type : {DataType::bf16, DataType::fp16}) {
    float const tiny = type == DataType::bf16 ? 0x1p-9f : 0x1p-12f;
    TypedNumbers numbers(type, 3);
    for (std::size_t i = 0; i < 3; ++i)
      numbers.set(i, collective->rank() == 0 ? 1.0f : 3.0f * tiny);
    collective->all_reduce(numbers.values());
    TypedNumbers expected(type, 1);
    expected.set(0, 1.0f + static_cast<float>(n - 1) * 3.0f * tiny);
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_EQ(numbers.at(i), expected.at(0)) << name_of(type);
  }
}

TEST(AllReduce, AMeanOfLargeHalvesDoesNotOverflow) {
  auto const collective = make();
  TypedNumbers numbers(DataType::fp16, 2);
  numbers.set(0, 65504.0f);
  numbers.set(1, -65504.0f);
  collective->all_reduce(numbers.values(), Reduction::mean());
  EXPECT_EQ(numbers.at(0), 65504.0f);
  EXPECT_EQ(numbers.at(1), -65504.0f);
}

TEST(AllReduce, KeepsWhatIsNoNumber) {
  auto const collective = make();
  bool const is_last = collective->rank() == collective->size() - 1;
  float const infinity = std::numeric_limits<float>::infinity();
  for (DataType type : kTypes) {
    TypedNumbers numbers(type, 4);
    if (is_last) {
      numbers.set(0, std::nanf(""));
      numbers.set(1, infinity);
      numbers.set(2, -infinity);
    }
    collective->all_reduce(numbers.values());
    EXPECT_TRUE(std::isnan(numbers.at(0))) << name_of(type);
    EXPECT_EQ(numbers.at(1), infinity) << name_of(type);
    EXPECT_EQ(numbers.at(2), -infinity) << name_of(type);
    EXPECT_EQ(numbers.at(3), 0.0f) << name_of(type);
  }
}

TEST(AllGather, BringsEveryShare) {
  auto const collective = make();
  int const rank = collective->rank();
  for (DataType type : kTypes) {
    for (std::size_t count :
         {std::size_t{0}, std::size_t{1}, std::size_t{1001}, kMany}) {
      auto numbers = numbers_of(type, padded(count), rank);
      std::size_t const share =
          numbers.size() / static_cast<std::size_t>(collective->size());
      collective->all_gather(numbers.values());
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        TypedNumbers expected(type, 1);
        expected.set(0, number_of(i / share, i));
        ASSERT_EQ(numbers.at(i), expected.at(0)) << i;
      }
    }
  }
}

TEST(AllGather, TakesSharesThatAreTooLargeForOneCall) {
  auto const collective = make();
  set_max_message_bytes(1000);
  auto numbers = numbers_of(DataType::fp32, padded(2003), collective->rank());
  std::size_t const share =
      numbers.size() / static_cast<std::size_t>(collective->size());
  collective->all_gather(numbers.values());
  set_max_message_bytes(std::size_t(1) << 30);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    ASSERT_EQ(numbers.at(i), number_of(i / share, i)) << i;
}

TEST(Broadcast, BringsRootsValues) {
  auto const collective = make();
  for (DataType type : kTypes) {
    for (int root = 0; root < collective->size(); ++root) {
      auto numbers = numbers_of(type, 10007, collective->rank());
      collective->broadcast(numbers.values(), root);
      auto const expected = numbers_of(type, 10007, root);
      for (std::size_t i = 0; i < numbers.size(); ++i)
        ASSERT_EQ(numbers.at(i), expected.at(i)) << i;
    }
  }
}

/// Throws the same AgreedError on all ranks, which says all of `words`.
template <class Body>
void expect_refusal(std::vector<std::string> const& words, Body body) {
  std::string text;
  try {
    body();
  } catch (AgreedError const& refused) {
    text = refused.what();
  }
  for (auto const& word : words)
    EXPECT_NE(text.find(word), std::string::npos) << text << " lacks " << word;
  for (auto const& other : test_world().all_gather_strings(text))
    EXPECT_EQ(other, text);
}

TEST(Refusal, NamesTheRankThatCallsSomethingElse) {
  auto const collective = make();
  if (collective->size() == 1) GTEST_SKIP() << "one rank agrees with itself";
  bool const is_odd = collective->rank() == 1;
  std::vector<float> floats(12);
  std::vector<std::uint16_t> halves(12);
  auto const mine = fp32_values(floats);
  expect_refusal({"rank 1", "11 fp32", "rank 0", "12 fp32"}, [&] {
    collective->all_reduce(is_odd ? fp32_values(std::span(floats).first(11))
                                  : mine);
  });
  expect_refusal({"rank 1", "bf16", "rank 0", "fp32"}, [&] {
    collective->all_reduce(is_odd ? bf16_values(halves) : mine);
  });
  expect_refusal({"rank 1", "mean", "rank 0", "sum"}, [&] {
    collective->all_reduce(mine, is_odd ? Reduction::mean() : Reduction::sum());
  });
  expect_refusal({"rank 1", "broadcast", "rank 0", "all_reduce"}, [&] {
    is_odd ? collective->broadcast(mine, 0) : collective->all_reduce(mine);
  });
  expect_refusal({"rank 1", "root 1", "rank 0", "root 0"},
                 [&] { collective->broadcast(mine, is_odd ? 1 : 0); });
  expect_refusal({"rank 1", "CUDA memory", "rank 0", "host memory"}, [&] {
    collective->all_reduce(
        is_odd ? Values{nullptr, 12, DataType::fp32, Memory::cuda} : mine);
  });
  // And goes on working.
  check_all_reduce(*collective, DataType::bf16, Kind::mean, 100);
}

TEST(Refusal, OfWhatMakesNoSense) {
  auto const collective = make();
  int const n = collective->size();
  std::vector<float> floats(static_cast<std::size_t>(2 * n + 1));
  auto const values = fp32_values(floats);
  if (n > 1) {
    auto const advice = fmt::format("Try padding to {}", 3 * n);
    expect_refusal({"reduce_scatter of", "must be equal", advice},
                   [&] { collective->reduce_scatter(values); });
    expect_refusal({"all_gather of", "must be equal", advice},
                   [&] { collective->all_gather(values); });
  }
  expect_refusal({"broadcast", "no such rank"},
                 [&] { collective->broadcast(values, n); });
  expect_refusal({"broadcast", "no such rank"},
                 [&] { collective->broadcast(values, -1); });
  expect_refusal({"CUDA memory", "works in host memory"}, [&] {
    collective->all_reduce({nullptr, 4, DataType::fp32, Memory::cuda});
  });
}

}  // namespace
}  // namespace gasm
