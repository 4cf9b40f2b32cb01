// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/attend.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace gasm {
namespace {

struct Case {
  std::string name;
  std::int64_t num_sequences, heads, length, width;
  at::ScalarType type;
  double tolerance;  ///< of the largest absolute value
};

class Attend : public testing::TestWithParam<Case> {
 protected:
  /// q, k, v [A, heads, T, d], with heads beside one another in memory as a
  /// linear map leaves them.
  std::vector<at::Tensor> inputs() const {
    Case const& c = GetParam();
    torch::manual_seed(3);
    std::vector<at::Tensor> made;
    for (int i = 0; i < 3; ++i)
      made.push_back(
          at::randn({c.num_sequences, c.length, c.heads, c.width}).to(c.type));
    return made;
  }

  static at::Tensor run(std::vector<at::Tensor> const& x) {
    return attend(x[0].transpose(1, 2), x[1].transpose(1, 2),
                  x[2].transpose(1, 2));
  }

  /// softmax(q k^T / sqrt(d)) v in double precision.
  static at::Tensor expected(std::vector<at::Tensor> const& x) {
    double const root = std::sqrt(static_cast<double>(x[0].size(3)));
    at::Tensor const scores =
        at::einsum("athd,ashd->ahts", {x[0], x[1]}).div(root).exp();
    return at::einsum("ahts,ashd->ahtd", {scores / scores.sum(-1, true), x[2]});
  }

  static void expect_near(at::Tensor const& found, at::Tensor const& wanted) {
    ASSERT_EQ(found.sizes(), wanted.sizes());
    EXPECT_EQ(found.scalar_type(), GetParam().type);
    double const scale = wanted.abs().max().item<double>();
    EXPECT_LE((found.to(at::kDouble) - wanted).abs().max().item<double>(),
              GetParam().tolerance * scale);
  }
};

std::vector<at::Tensor> in_double(std::vector<at::Tensor> const& x,
                                  bool learnt) {
  std::vector<at::Tensor> made;
  for (at::Tensor const& one : x)
    made.push_back(one.detach().to(at::kDouble).requires_grad_(learnt));
  return made;
}

TEST_P(Attend, IsTheFormula) {
  at::NoGradGuard const no_grad;
  auto const x = inputs();
  expect_near(run(x), expected(in_double(x, false)));
}

TEST_P(Attend, IsItsGradientToo) {
  auto x = inputs();
  for (at::Tensor& one : x) one.requires_grad_(true);
  auto const wanted = in_double(x, true);
  at::Tensor const y = run(x);
  expect_near(y.detach(), expected(wanted).detach());
  y.square().sum().backward();
  expected(wanted).square().sum().backward();
  for (std::size_t i = 0; i < x.size(); ++i)
    expect_near(x[i].grad(), wanted[i].grad());
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, Attend,
    testing::Values(Case{"short_rows", 5, 3, 17, 8, at::kBFloat16, 0.02},
                    Case{"one_token", 2, 1, 1, 4, at::kBFloat16, 0.02},
                    // More scores than are made at a time, in uneven parts.
                    Case{"long_rows", 5, 1, 1300, 8, at::kBFloat16, 0.02},
                    Case{"half", 2, 3, 300, 8, at::kHalf, 0.01},
                    Case{"single", 2, 3, 300, 8, at::kFloat, 1e-5},
                    Case{"single_long", 2, 3, 600, 32, at::kFloat, 1e-5}),
    [](auto const& with) { return with.param.name; });

}  // namespace
}  // namespace gasm
