// SPDX-License-Identifier: Apache-2.0
// 16-bit copies of weights: made once, and of the same bits as those that
// autocast makes at each use.
#include <gtest/gtest.h>

#include "gasm/models/autocast.hpp"
#include "gasm/models/frozen_casts.hpp"
#include "gasm/models/i3d_resnet.hpp"
#include "gasm/models/linear.hpp"
#include "gasm/models/vit.hpp"

namespace gasm {
namespace {

VitOptions small_vit() {
  VitOptions options;
  options.width = 32;
  options.depth = 2;
  options.heads = 2;
  options.ffn_width = 48;
  options.patch_px = 8;
  return options;
}

template <class Body>
auto in_bf16(Body const& body) {
  AutocastGuard const autocast(autocast_of(Precision::bf16, at::kCPU));
  return body();
}

TEST(FrozenCasts, ChangeNoBitAndKeepTheWeights) {
  Vit vit(small_vit());
  vit.eval();
  at::Tensor const images = torch::randn({2, 3, 32, 48});
  auto const forward = [&] {
    return in_bf16([&] { return vit.forward(images).patches; });
  };
  auto const parameters = vit.named_parameters();
  at::Tensor const learns = parameters["layer.1.mlp.up_proj.weight"];
  for (auto const& item : parameters) item.value().set_requires_grad(false);
  learns.set_requires_grad(true);
  std::vector<at::Tensor> before;
  for (auto const& item : parameters)
    before.push_back(item.value().detach().clone());
  auto const expect_before = [&] {
    for (std::size_t i = 0; i < before.size(); ++i) {
      auto const& item = parameters[i];
      EXPECT_TRUE(item.value().scalar_type() == at::kFloat) << item.key();
      EXPECT_TRUE(at::equal(item.value(), before[i])) << item.key();
    }
  };
  at::Tensor const wanted = forward();
  {
    FrozenCasts casts(vit, autocast_of(Precision::bf16, at::kCPU));
    EXPECT_TRUE(at::equal(forward(), wanted));
    EXPECT_EQ(learns.scalar_type(), at::kFloat);
    EXPECT_EQ(parameters["layer.0.mlp.up_proj.weight"].scalar_type(),
              at::kBFloat16);
    EXPECT_EQ(parameters["norm.weight"].scalar_type(), at::kFloat);
    {
      FrozenCasts::Pause const pause(casts);
      expect_before();
    }
    EXPECT_TRUE(at::equal(forward(), wanted));
  }
  expect_before();
  FrozenCasts const none(vit, autocast_of(Precision::fp32, at::kCPU));
  expect_before();
}

TEST(FrozenCasts, HoldForConvolutions) {
  I3dOptions options;
  options.stem_width = 4;
  options.stages = {{2, 4, 8, 1, {3}}, {1, 4, 12, 2, {3, 1}}};
  I3dResNet i3d(options);
  i3d.eval();
  for (auto const& parameter : i3d.parameters())
    parameter.set_requires_grad(false);
  at::Tensor const clip = torch::randn({1, 3, 8, 32, 32});
  auto const forward = [&] {
    return in_bf16([&] { return i3d.forward(clip); });
  };
  at::Tensor const wanted = forward();
  FrozenCasts const casts(i3d, autocast_of(Precision::bf16, at::kCPU));
  at::Tensor const found = forward();
  EXPECT_TRUE(at::equal(found, wanted));
}

TEST(AutocastCacheKept, ServesSeveralPasses) {
  Linear linear(8, 8);
  at::Tensor const x = torch::randn({4, 8});
  auto const pass = [&] {
    at::Tensor const y = in_bf16([&] { return linear(x); });
    y.to(at::kFloat).square().sum().backward();
    return y.detach();
  };
  at::Tensor const first = pass();
  at::Tensor const grad = linear->weight.grad().clone();
  auto const double_weight = [&] {
    torch::NoGradGuard no_grad;
    linear->weight.mul_(2);
    linear->bias.mul_(2);
  };
  linear->zero_grad();
  {
    AutocastCacheKept const kept;
    EXPECT_TRUE(at::equal(pass(), first));
    EXPECT_TRUE(at::equal(linear->weight.grad(), grad));
    double_weight();
    // Of the weights as they were.
    EXPECT_TRUE(at::equal(pass(), first));
    EXPECT_TRUE(at::equal(linear->weight.grad(), grad + grad));
  }
  EXPECT_TRUE(at::equal(pass(), first * 2));
}

}  // namespace
}  // namespace gasm
