// SPDX-License-Identifier: Apache-2.0
// Linear maps: equal to LibTorch's, and double precision's, whoever multiplies.
#include "gasm/models/linear.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "gasm/models/mac_count.hpp"

namespace gasm {
namespace {

/// While it lives, linear_map() is at::linear.
class WithoutOnednn {
 public:
  WithoutOnednn() { at::globalContext().setUserEnabledMkldnn(false); }
  ~WithoutOnednn() { at::globalContext().setUserEnabledMkldnn(true); }
  WithoutOnednn(WithoutOnednn const&) = delete;
  WithoutOnednn& operator=(WithoutOnednn const&) = delete;
};

struct Case {
  std::vector<std::int64_t> rows;
  std::int64_t in = 0;
  std::int64_t out = 0;
  bool has_bias = true;
};

// Above and below the size from which on it is worth it.
std::vector<Case> const kCases = {
    {{2, 196}, 96, 384}, {{4, 8, 49}, 64, 128, false},
    {{1500}, 48, 40},    {{1}, 2048, 1024},
    {{3, 5}, 16, 8},
};

struct Results {
  std::vector<at::Tensor> tensors;  ///< output; gradients of x, weight, bias
};

at::Tensor learned(at::Tensor const& from, at::ScalarType type) {
  return from.to(type).detach().clone().requires_grad_(true);
}

/// Loss: the sum of the output's values, each times one of its own.
template <class Map>
Results run(Case const& which, at::ScalarType type, Map const& map) {
  torch::manual_seed(7);
  auto sizes = which.rows;
  sizes.push_back(which.in);
  at::Tensor const x = learned(torch::randn(sizes), type);
  at::Tensor const weight = learned(torch::randn({which.out, which.in}), type);
  at::Tensor const bias =
      which.has_bias ? learned(torch::randn({which.out}), type) : at::Tensor();
  at::Tensor const y = map(x, weight, bias);
  (y * torch::randn(y.sizes()).to(type)).sum().backward();
  Results results{{y.detach(), x.grad(), weight.grad()}};
  if (which.has_bias) results.tensors.push_back(bias.grad());
  return results;
}

double error_of(at::Tensor const& got, at::Tensor const& wanted) {
  return ((got.to(at::kDouble) - wanted).norm() / wanted.norm()).item<double>();
}

TEST(Linear, IsThatOfDoublePrecision) {
  for (auto const& which : kCases) {
    auto const got = run(which, at::kFloat, linear_map).tensors;
    auto const wanted = run(which, at::kDouble, [](auto&&... of) {
                          return at::linear(of...);
                        }).tensors;
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].sizes(), wanted[i].sizes()) << which.in << " " << i;
      EXPECT_TRUE(got[i].is_contiguous()) << which.in << " " << i;
      EXPECT_LT(error_of(got[i], wanted[i]), 1e-6) << which.in << " " << i;
    }
  }
}

TEST(Linear, RepeatsItself) {
  for (auto const& which : kCases) {
    auto const first = run(which, at::kFloat, linear_map).tensors;
    auto const again = run(which, at::kFloat, linear_map).tensors;
    for (std::size_t i = 0; i < first.size(); ++i)
      EXPECT_TRUE(at::equal(first[i], again[i])) << which.in << " " << i;
  }
}

TEST(Linear, TheSwitchOfLibTorchIsObeyed) {
  WithoutOnednn const guard;
  EXPECT_FALSE(multiplies_with_onednn());
  for (auto const& which : kCases) {
    auto const got = run(which, at::kFloat, linear_map).tensors;
    auto const wanted = run(which, at::kFloat, [](auto&&... of) {
                          return at::linear(of...);
                        }).tensors;
    for (std::size_t i = 0; i < got.size(); ++i)
      EXPECT_TRUE(at::equal(got[i], wanted[i])) << which.in << " " << i;
  }
}

TEST(Linear, GradientsOfWhatIsNotContiguous) {
  at::Tensor const x = torch::randn({64, 100, 160}).transpose(0, 1);
  at::Tensor const weight = learned(torch::randn({128, 160}), at::kFloat);
  at::Tensor const base = learned(x, at::kFloat);
  // The gradient of a sum is one value, spread by strides of 0.
  linear_map(base.transpose(0, 1), weight, {}).sum().backward();
  at::Tensor const of_row = weight.detach().to(at::kDouble).sum(0);
  EXPECT_LT(error_of(base.grad(), of_row.expand_as(base)), 1e-6);
  at::Tensor const of_weight =
      x.to(at::kDouble).sum(std::vector<std::int64_t>{0, 1});
  EXPECT_LT(error_of(weight.grad(), of_weight.expand_as(weight)), 1e-6);
}

// oneDNN would multiply with its reference code, and take seconds.
TEST(Linear, AWeightWithGapsBetweenItsRows) {
  at::Tensor const x = torch::randn({512, 96});
  at::Tensor const wide = torch::randn({64, 192});
  at::Tensor const weight = wide.slice(1, 0, 96);
  EXPECT_TRUE(at::equal(linear_map(x, weight, {}), at::linear(x, weight)));
}

TEST(Linear, OnlyWhatLearnsGetsAGradient) {
  at::Tensor const x = torch::randn({512, 96});
  at::Tensor const weight = learned(torch::randn({64, 96}), at::kFloat);
  at::Tensor const frozen = torch::randn({96, 64});
  linear_map(linear_map(x, weight, {}), frozen, {}).sum().backward();
  EXPECT_TRUE(weight.grad().defined());
  EXPECT_FALSE(frozen.grad().defined());
  EXPECT_FALSE(x.grad().defined());
  at::NoGradGuard const guard;
  EXPECT_FALSE(linear_map(x, weight, {}).requires_grad());
}

TEST(Linear, ItsMultiplyAccumulatesAreCounted) {
  auto const count = [] {
    return count_macs([] {
      at::Tensor const x = learned(torch::randn({512, 96}), at::kFloat);
      at::Tensor const weight = learned(torch::randn({64, 96}), at::kFloat);
      linear_map(x, weight, {}).sum().backward();
    });
  };
  double const wanted = 3.0 * 512 * 96 * 64;
  EXPECT_EQ(count(), wanted);
  WithoutOnednn const guard;
  EXPECT_EQ(count(), wanted);
}

TEST(Linear, SizesThatDoNotFitAreLibTorchsError) {
  EXPECT_THROW(linear_map(torch::randn({512, 96}), torch::randn({64, 100}), {}),
               c10::Error);
}

}  // namespace
}  // namespace gasm
