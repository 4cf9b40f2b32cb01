// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <cmath>

#include "adamw.hpp"
#include "clip_gradient.hpp"
#include "gradient_sum.hpp"
#include "layer_decay.hpp"
#include "schedule.hpp"
#include "sgd.hpp"

namespace gasm {
namespace {

TEST(Schedule, WarmsUpLinearlyAndEndsAtItsFraction) {
  OptimConfig optim;
  optim.lr = 2.0;
  optim.final_lr_fraction = 0.1;
  EXPECT_DOUBLE_EQ(learning_rate(optim, 0, 4, 14), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(optim, 3, 4, 14), 2.0);
  EXPECT_DOUBLE_EQ(learning_rate(optim, 4, 4, 14), 2.0);
  // Half-way: the mean of both ends.
  EXPECT_NEAR(learning_rate(optim, 9, 4, 14), 0.5 * (2.0 + 0.2), 1e-12);
  EXPECT_NEAR(learning_rate(optim, 14, 4, 14), 0.2, 1e-12);
  optim.schedule = ScheduleKind::constant;
  EXPECT_DOUBLE_EQ(learning_rate(optim, 13, 4, 14), 2.0);
}

TEST(Schedule, FallsAlongALine) {
  OptimConfig optim;
  optim.lr = 2.0;
  optim.schedule = ScheduleKind::linear;
  optim.final_lr_fraction = 0.25;
  EXPECT_DOUBLE_EQ(learning_rate(optim, 1, 4, 14), 1.0);
  for (std::int64_t step = 4; step <= 14; ++step)
    EXPECT_NEAR(learning_rate(optim, step, 4, 14),
                2.0 - 0.15 * static_cast<double>(step - 4), 1e-12);
  EXPECT_NEAR(learning_rate(optim, 20, 4, 14), 0.5, 1e-12);
  // A run that is all warm-up.
  EXPECT_DOUBLE_EQ(learning_rate(optim, 3, 4, 4), 2.0);
}

TEST(Schedule, DropsAtItsSteps) {
  OptimConfig optim;
  optim.lr = 8.0;
  optim.schedule = ScheduleKind::step;
  optim.step_factor = 0.5;
  std::array<std::int64_t, 2> const borders = {5, 8};
  double const wanted[] = {4, 8, 8, 8, 8, 4, 4, 4, 2, 2};
  for (std::int64_t step = 0; step < 10; ++step)
    EXPECT_DOUBLE_EQ(learning_rate(optim, step, 2, 10, borders), wanted[step]);
}

TEST(GradientNorm, OfMillionsOfValuesIsExact) {
  // sqrt(2^24 / 100) = 4096 / 10.
  auto const norms = block_norms(at::full({1 << 24}, 0.1));
  EXPECT_NEAR(norm_of_blocks(norms, at::arange(1 << 17)), 409.6, 409.6 * 3e-6);
}

TEST(GradientNorm, CountsTheBlocksThatItIsGiven) {
  auto flat = at::zeros({3 * 128});
  flat[5] = 3.0F;
  flat[128] = 9.0F;
  flat[383] = 4.0F;
  EXPECT_NEAR(
      norm_of_blocks(block_norms(flat), torch::tensor({2, 0}, at::kLong)), 5.0,
      1e-6);
}

TEST(ClipGradient, ScalesWhatIsLonger) {
  auto const clipped = [](double clip_norm) {
    at::Tensor const flat = at::tensor({3.0F, 4.0F});
    clip_gradient(flat, 5.0, clip_norm);
    return flat.norm().item<double>();
  };
  EXPECT_NEAR(clipped(2.0), 2.0, 1e-5);
  EXPECT_EQ(clipped(5.5), 5.0);
  EXPECT_EQ(clipped(0.0), 5.0);
}

ParameterInfo parameter(std::string const& name, at::Tensor const& value,
                        WeightDecay decay) {
  return {name, value.detach().clone().set_requires_grad(true), decay,
          ModelPart::fusion};
}
TEST(AdamWTest, FollowsTheFormula) {
  OptimConfig optim;
  optim.betas = {0.9, 0.98};
  optim.weight_decay = 0.05;
  optim.eps = 1e-8;
  auto const w0 = at::tensor({0.5, -1.0, 2.0}, at::kFloat);
  std::vector<ParameterInfo> const infos = {
      parameter("w.weight", w0, WeightDecay::on),
      parameter("b", w0, WeightDecay::off)};
  AdamW adam(optim, infos, {1.0, 0.5});
  double w[3] = {0.5, -1.0, 2.0};
  double b[3] = {0.5, -1.0, 2.0};
  double m[3] = {};
  double v[3] = {};
  for (int t = 1; t <= 5; ++t) {
    auto const grad = at::tensor({0.1 * t, -0.3, 0.01}, at::kFloat);
    double const lr = 1e-2;
    adam.step({grad, grad}, lr);
    for (int i = 0; i < 3; ++i) {
      double const g = grad[i].item<double>();
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.98 * v[i] + 0.02 * g * g;
      double const step = (m[i] / (1 - std::pow(0.9, t))) /
                          (std::sqrt(v[i] / (1 - std::pow(0.98, t))) + 1e-8);
      w[i] = w[i] * (1 - lr * 0.05) - lr * step;
      b[i] -= 0.5 * lr * step;
    }
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(infos[0].parameter[i].item<double>(), w[i], 1e-6);
    EXPECT_NEAR(infos[1].parameter[i].item<double>(), b[i], 1e-6);
  }
}

TEST(AdamWTest, GoesOnFromItsState) {
  OptimConfig const optim;
  auto const start = at::ones({3});
  std::vector<ParameterInfo> const a = {parameter("p", start, WeightDecay::on)};
  std::vector<ParameterInfo> const b = {parameter("p", start, WeightDecay::on)};
  AdamW first(optim, a, {1.0});
  auto const grad = [](int t) { return at::full({3}, 0.1 * t); };
  for (int t = 0; t < 3; ++t) first.step({grad(t)}, 1e-2);
  AdamW second(optim, b, {1.0});
  second.load_state(first.state());
  torch::NoGradGuard no_grad;
  b[0].parameter.copy_(a[0].parameter);
  for (int t = 3; t < 6; ++t) {
    first.step({grad(t)}, 1e-2);
    second.step({grad(t)}, 1e-2);
  }
  EXPECT_TRUE(at::equal(a[0].parameter, b[0].parameter));
  TensorFile broken = first.state();
  broken.tensors.erase("exp_avg.p");
  EXPECT_THROW(second.load_state(broken), Error);
}

TEST(SgdTest, FollowsTheFormula) {
  for (bool const nesterov : {false, true}) {
    OptimConfig optim;
    optim.kind = OptimKind::sgd;
    optim.momentum = 0.8;
    optim.nesterov = nesterov;
    optim.weight_decay = 0.05;
    std::vector<ParameterInfo> const infos = {
        parameter("w.weight", at::ones({1}), WeightDecay::on),
        parameter("b", at::ones({1}), WeightDecay::off)};
    auto const sgd = make_optimizer(optim, infos, {1.0, 0.5});
    double value[2] = {1.0, 1.0}, velocity[2] = {};
    double const decay[2] = {0.05, 0.0}, lr[2] = {0.1, 0.05};
    for (int t = 1; t <= 4; ++t) {
      auto const grad = at::full({1}, 0.3 * t);
      sgd->step({grad, grad}, 0.1);
      for (int i = 0; i < 2; ++i) {
        double const g = 0.3 * t + decay[i] * value[i];
        velocity[i] = 0.8 * velocity[i] + g;
        value[i] -= lr[i] * (nesterov ? g + 0.8 * velocity[i] : velocity[i]);
      }
    }
    for (std::size_t i = 0; i < 2; ++i)
      EXPECT_NEAR(infos[i].parameter.item<double>(), value[i], 1e-6);
  }
}

TEST(SgdTest, GoesOnFromItsState) {
  OptimConfig optim;
  optim.kind = OptimKind::sgd;
  std::vector<ParameterInfo> const a = {
      parameter("p", at::ones({3}), WeightDecay::off)};
  std::vector<ParameterInfo> const b = {
      parameter("p", at::ones({3}), WeightDecay::off)};
  Sgd first(optim, a, {1.0}), second(optim, b, {1.0});
  first.step({at::ones({3})}, 1e-2);
  second.load_state(first.state());
  torch::NoGradGuard no_grad;
  b[0].parameter.copy_(a[0].parameter);
  first.step({at::ones({3})}, 1e-2);
  second.step({at::ones({3})}, 1e-2);
  EXPECT_TRUE(at::equal(a[0].parameter, b[0].parameter));
  EXPECT_THROW(second.load_state({}), Error);
}

TEST(LayerDecay, CountsFromTheTop) {
  std::vector<ParameterInfo> infos;
  for (char const* name :
       {"timesformer.embeddings.cls_token",
        "timesformer.encoder.layer.0.norm.bias",
        "timesformer.encoder.layer.2.norm.bias", "timesformer.layernorm.bias",
        "blocks.10.cross.q.weight", "blocks.11.cross.q.weight", "head.weight",
        "motion_backbone.blocks.3.res_blocks.1.bias",
        "motion_backbone.blocks.4.res_blocks.1.bias",
        "semantic_backbone.embeddings.cls_token"})
    infos.push_back(parameter(name, at::ones({1}), WeightDecay::off));
  int const wanted[] = {4, 3, 1, 0, 2, 1, 0, 2, 1, 0};
  for (std::size_t i = 0; i < infos.size(); ++i)
    EXPECT_EQ(num_layers_above(infos[i].name, infos), wanted[i])
        << infos[i].name;
}

TEST(GradientSumTest, IsTheGradientOfTheWholeBatch) {
  torch::manual_seed(1);
  std::vector<ParameterInfo> const infos = {
      parameter("w.weight", at::randn({5, 3}), WeightDecay::on),
      parameter("b", at::randn({5}), WeightDecay::off)};
  auto const x = at::randn({7, 3});
  auto const y = at::randint(0, 5, {7});
  auto const loss_sum = [&](std::int64_t begin, std::int64_t end) {
    auto const logits = at::addmm(infos[1].parameter, x.slice(0, begin, end),
                                  infos[0].parameter.t());
    return at::cross_entropy_loss(logits, y.slice(0, begin, end), {},
                                  at::Reduction::Sum);
  };
  auto const expected = torch::autograd::grad(
      {loss_sum(0, 7) / 7}, {infos[0].parameter, infos[1].parameter});
  auto const mean_loss = loss_sum(0, 7).item<double>() / 7;

  // A power of two comes out again as if it had not been there.
  for (double const scale : {1.0, 4096.0}) {
    GradientSum sums(Communicator::self(), infos, {}, {});
    sums.begin_step(3, 7, scale);
    sums.add_micro_batch(loss_sum(0, 2), {.num_clips = 2, .num_top1 = 1});
    sums.add_micro_batch(loss_sum(2, 4), {.num_clips = 2, .num_bad = 1});
    sums.add_micro_batch(loss_sum(4, 7),
                         {.num_clips = 3, .num_top1 = 2, .num_bad = 2});
    auto const result = sums.finish_step();
    EXPECT_NEAR(result.loss, mean_loss, 1e-6);
    EXPECT_NEAR(result.top1, 3.0 / 7, 1e-7);
    for (std::size_t i = 0; i < 2; ++i)
      EXPECT_TRUE(at::allclose(sums.gradients()[i], expected[i], 1e-5, 1e-6));
  }
}

TEST(GradientSumTest, BatchStatisticsAreWeightedByClips) {
  torch::manual_seed(2);
  BatchNorm norm(2);
  std::vector<ParameterInfo> const infos = {
      {"weight", norm.weight, WeightDecay::off, ModelPart::fusion},
      {"bias", norm.bias, WeightDecay::off, ModelPart::fusion}};
  GradientSum sums(Communicator::self(), infos, {&norm}, {});
  norm.train();
  auto const a = at::randn({4, 2});
  auto const b = at::randn({2, 2});
  sums.begin_step(2, 6, 1.0);
  sums.add_micro_batch(norm.forward(a).sum(), {.num_clips = 4});
  sums.add_micro_batch(norm.forward(b).sum(), {.num_clips = 2});
  sums.finish_step();
  auto const mean = (a.mean(0) * 4 + b.mean(0) * 2) / 6;
  auto const var = (a.var(0) * 4 + b.var(0) * 2) / 6;
  EXPECT_TRUE(
      at::allclose(sums.mean_statistics(), at::cat({mean, var}), 1e-5, 1e-6));
}

}  // namespace
}  // namespace gasm
