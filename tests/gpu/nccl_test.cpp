// SPDX-License-Identifier: Apache-2.0
// NCCL itself, beside the sums in doubles of the same numbers.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cmath>

#include "gasm/comm/nccl_collective.hpp"
#include "support/mpi_main.hpp"
#include "support/typed_numbers.hpp"

namespace gasm {
namespace {

using Kind = Reduction::Kind;
constexpr int kToDevice = 1;
constexpr int kToHost = 2;

/// Of the CUDA runtime, once nccl_info() has loaded it.
template <class... Args>
void call_cuda(char const* name, Args... args) {
  auto const function =
      reinterpret_cast<int (*)(Args...)>(dlsym(RTLD_DEFAULT, name));
  ASSERT_NE(function, nullptr) << name;
  ASSERT_EQ(function(args...), 0) << name;
}

/// Numbers on the device, copied from the host and back.
class DeviceNumbers {
 public:
  explicit DeviceNumbers(TypedNumbers numbers) : host_(std::move(numbers)) {
    call_cuda("cudaMalloc", &data_, bytes());
    call_cuda("cudaMemcpy", data_, host_.values().data, bytes(), kToDevice);
  }
  ~DeviceNumbers() { call_cuda("cudaFree", data_); }
  DeviceNumbers(DeviceNumbers const&) = delete;
  DeviceNumbers& operator=(DeviceNumbers const&) = delete;

  Values values() {
    auto found = host_.values();
    found.data = data_;
    found.memory = Memory::cuda;
    return found;
  }
  TypedNumbers const& fetch() {
    call_cuda("cudaMemcpy", host_.values().data, data_, bytes(), kToHost);
    return host_;
  }

 private:
  std::size_t bytes() { return host_.values().size_bytes(); }

  TypedNumbers host_;
  void* data_ = nullptr;
};

TypedNumbers numbers_of(DataType type, std::size_t count, int rank) {
  TypedNumbers numbers(type, count);
  for (std::size_t i = 0; i < count; ++i)
    numbers.set(i, number_of(static_cast<std::uint64_t>(rank), i));
  return numbers;
}

float factor_of(int rank) { return 0.5f + 0.25f * static_cast<float>(rank); }

class Nccl : public testing::Test {
 protected:
  void SetUp() override {
    auto const info = nccl_info();
    if (info.num_devices < test_world().size())
      GTEST_SKIP() << "needs a GPU a rank (" << info.num_devices << " found; "
                   << info.problem << ")";
    collective_ = make_nccl_collective(test_world());
  }
  void TearDown() override {
    if (collective_) collective_->close();
  }

  std::unique_ptr<Collective> collective_;
};

void expect_reduced(TypedNumbers const& found, DataType type, Kind kind,
                    std::size_t begin, std::size_t end) {
  int const n = test_world().size();
  std::vector<TypedNumbers> all;
  for (int rank = 0; rank < n; ++rank)
    all.push_back(numbers_of(type, found.size(), rank));
  for (std::size_t i = begin; i < end; ++i) {
    double sum = 0.0, magnitude = 0.0, largest = -1e30;
    for (int rank = 0; rank < n; ++rank) {
      double const value = all[static_cast<std::size_t>(rank)].at(i);
      sum += value * (kind == Kind::scaled_sum ? factor_of(rank) : 1.0f);
      magnitude += 2 * std::abs(value);
      largest = std::max(largest, value);
    }
    if (kind == Kind::mean) sum /= n;
    // Each number and each addition may be rounded to the type.
    double const tolerance = 2 * n * half_ulp(type, magnitude);
    ASSERT_NEAR(found.at(i), kind == Kind::maximum ? largest : sum, tolerance)
        << i << " " << name_of(type) << " " << name_of(kind);
  }
}

TEST_F(Nccl, ReducesEveryTypeAndReduction) {
  int const rank = collective_->rank();
  auto const n = static_cast<std::size_t>(collective_->size());
  for (DataType type : {DataType::fp32, DataType::bf16, DataType::fp16}) {
    for (Kind kind : {Kind::sum, Kind::mean, Kind::scaled_sum, Kind::maximum}) {
      for (std::size_t share : {1, 7, 100003}) {
        Reduction const reduction{kind, factor_of(rank)};
        DeviceNumbers all(numbers_of(type, n * share, rank));
        DeviceNumbers part(numbers_of(type, n * share, rank));
        collective_->all_reduce(all.values(), reduction);
        collective_->reduce_scatter(part.values(), reduction);
        collective_->wait();
        auto const first = share * static_cast<std::size_t>(rank);
        expect_reduced(all.fetch(), type, kind, 0, n * share);
        expect_reduced(part.fetch(), type, kind, first, first + share);
      }
    }
  }
}

TEST_F(Nccl, GathersAndBroadcasts) {
  int const rank = collective_->rank();
  auto const n = static_cast<std::size_t>(collective_->size());
  std::size_t const share = 1003;
  for (DataType type : {DataType::fp32, DataType::bf16, DataType::fp16}) {
    DeviceNumbers gathered(numbers_of(type, n * share, rank));
    DeviceNumbers sent(numbers_of(type, share, rank));
    int const root = collective_->size() - 1;
    collective_->all_gather(gathered.values());
    collective_->broadcast(sent.values(), root);
    collective_->wait();
    auto const& together = gathered.fetch();
    for (std::size_t r = 0; r < n; ++r) {
      auto const theirs = numbers_of(type, n * share, static_cast<int>(r));
      for (std::size_t i = r * share; i < (r + 1) * share; ++i)
        ASSERT_EQ(together.at(i), theirs.at(i)) << i;
    }
    auto const roots = numbers_of(type, share, root);
    auto const& found = sent.fetch();
    for (std::size_t i = 0; i < share; ++i)
      ASSERT_EQ(found.at(i), roots.at(i)) << i;
  }
}

}  // namespace
}  // namespace gasm
