// SPDX-License-Identifier: Apache-2.0
// The step that GPUs take, on CPUs: a Collective over MPI in the place of NCCL,
// and no streams. What it should give comes from torch's own optimisers, in one
// process, on the whole batch.
#include "device_step.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gasm/comm/agree.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

/// Sizes that no block and no number of ranks divides; `unused` gets no
/// gradient.
struct Net {
  Net() {
    torch::manual_seed(3);
    for (int i = 0; i < 4; ++i) {
      add("w" + std::to_string(i), at::randn({37, 37}) * 0.2, WeightDecay::on);
      add("b" + std::to_string(i), at::randn({37}), WeightDecay::off);
    }
    add("unused", at::randn({11}), WeightDecay::on);
  }
  void add(std::string const& name, at::Tensor value, WeightDecay decay) {
    infos.push_back({name, value.requires_grad_(), decay, ModelPart::fusion});
  }
  at::Tensor loss_sum(at::Tensor x) const {
    for (std::size_t i = 0; i < 4; ++i)
      x = at::tanh(
          at::addmm(infos[2 * i + 1].parameter, x, infos[2 * i].parameter));
    return x.square().sum();
  }

  std::vector<ParameterInfo> infos;
};

at::Tensor clips_of_step(int step, std::int64_t num_clips) {
  torch::manual_seed(100 + step);
  return at::randn({num_clips, 37});
}

RunConfig make_config() {
  RunConfig config;
  config.parallel.backend = Backend::mpi;
  config.parallel.first_bucket_mb = 0.004;
  config.parallel.bucket_mb = 0.011;
  config.optim.clip_norm = 0.4;
  return config;
}

/// A net trained by DeviceStep; micro-batches of one clip, but the last, which
/// has the rest.
struct Training {
  explicit Training(RunConfig const& run_config)
      : config(run_config),
        average(0.9, net.infos),
        step(test_world(), config, at::kCPU, net.infos, {}, &average,
             first_loss_scale(config.train.precision == Precision::fp16),
             [this](MicroBatch const& batch) {
               auto const loss = net.loss_sum(batch.clips);
               return DeviceScores{spoiled(loss), at::full({}, 2, at::kLong)};
             }) {}

  at::Tensor spoiled(at::Tensor const& loss) const {
    return factor == 1.0 ? loss : loss * factor;
  }

  void run(at::Tensor const& clips, std::int64_t num_micro, double lr) {
    auto const num_clips = clips.size(0);
    step.begin_step(++num_steps, num_micro, num_clips);
    auto const mine =
        even_leaf_range(num_micro, test_world().rank(), test_world().size());
    for (auto i = mine.first; i < mine.first + mine.count; ++i) {
      auto const end = i + 1 == num_micro ? num_clips : i + 1;
      MicroBatch batch;
      batch.index = i;
      batch.clips = clips.slice(0, i, end);
      batch.samples.resize(static_cast<std::size_t>(end - i));
      if (i == 0) batch.bad_slots = {0};
      step.add(batch);
    }
    step.finish_exchange();
    step.update(lr);
  }

  RunConfig config;
  Net net;
  WeightAverage average;
  double factor = 1.0;  ///< of the loss
  DeviceStep step;
  std::int64_t num_steps = 0;
};

/// The same by torch's AdamW or SGD, and its clipping.
struct Reference {
  explicit Reference(RunConfig const& config) : clip(config.optim.clip_norm) {
    auto const& optim = config.optim;
    std::vector<torch::optim::OptimizerParamGroup> groups;
    for (auto const& info : net.infos) {
      double const decay =
          info.decay == WeightDecay::on ? optim.weight_decay : 0.0;
      std::unique_ptr<torch::optim::OptimizerOptions> options;
      if (optim.kind == OptimKind::sgd)
        options = std::make_unique<torch::optim::SGDOptions>(
            torch::optim::SGDOptions(optim.lr)
                .momentum(optim.momentum)
                .nesterov(optim.nesterov)
                .weight_decay(decay));
      else
        options = std::make_unique<torch::optim::AdamWOptions>(
            torch::optim::AdamWOptions(optim.lr).eps(optim.eps).weight_decay(
                decay));
      groups.emplace_back(std::vector<at::Tensor>{info.parameter},
                          std::move(options));
      averages.push_back(info.parameter.detach().clone());
    }
    if (optim.kind == OptimKind::sgd)
      optimizer = std::make_unique<torch::optim::SGD>(
          groups, torch::optim::SGDOptions(optim.lr));
    else
      optimizer = std::make_unique<torch::optim::AdamW>(
          groups, torch::optim::AdamWOptions(optim.lr));
  }

  /// Returns the gradient's norm.
  double run(at::Tensor const& clips, double lr) {
    optimizer->zero_grad();
    // Ours counts a parameter without a gradient as one of 0, and decays it.
    net.infos.back().parameter.mutable_grad() = at::zeros({11});
    (net.loss_sum(clips) / static_cast<double>(clips.size(0))).backward();
    std::vector<at::Tensor> parameters;
    for (auto const& info : net.infos) parameters.push_back(info.parameter);
    double const norm =
        torch::nn::utils::clip_grad_norm_(parameters, clip, 2.0);
    for (auto& group : optimizer->param_groups()) group.options().set_lr(lr);
    optimizer->step();
    torch::NoGradGuard const no_grad;
    double const t = num_updates++;
    double const kept = std::min(0.9, (1.0 + t) / (10.0 + t));
    for (std::size_t i = 0; i < averages.size(); ++i)
      averages[i] = kept * averages[i] + (1.0 - kept) * parameters[i];
    return norm;
  }

  double clip;
  Net net;
  std::unique_ptr<torch::optim::Optimizer> optimizer;
  std::vector<at::Tensor> averages;
  int num_updates = 0;
};

void expect_near(at::Tensor const& found, at::Tensor const& wanted,
                 std::string const& what, double tolerance = 1e-6) {
  auto const off = (found - wanted).abs().max().item<double>();
  EXPECT_LE(off, tolerance * std::max(1.0, wanted.abs().max().item<double>()))
      << what;
}

void expect_equal(Training& training, Reference const& reference) {
  NamedTensors named;
  for (auto const& info : training.net.infos)
    named.emplace_back(info.name, info.parameter);
  auto const averages = training.average.put_into(named);
  for (std::size_t i = 0; i < training.net.infos.size(); ++i) {
    auto const& name = training.net.infos[i].name;
    expect_near(training.net.infos[i].parameter,
                reference.net.infos[i].parameter, name);
    expect_near(averages[i].second, reference.averages[i], "average " + name);
  }
}

struct Case {
  OptimKind kind;
  bool zero1;
};

class DeviceStepTest : public testing::TestWithParam<Case> {
 protected:
  RunConfig config() const {
    auto config = make_config();
    config.optim.kind = GetParam().kind;
    config.parallel.zero1 = GetParam().zero1;
    return config;
  }
};

TEST_P(DeviceStepTest, TrainsAsTorchDoesOnTheWholeBatch) {
  // Fewer micro-batches than ranks, and shares that are not even.
  for (std::int64_t const num_micro : {1, 2, 3, 5, 8}) {
    Training training(config());
    Reference reference(config());
    std::vector<DoneStep> done;
    std::vector<double> norms, losses;
    for (int i = 0; i < 5; ++i) {
      auto const clips = clips_of_step(i, 11);
      losses.push_back(reference.net.loss_sum(clips).item<double>() / 11.0);
      norms.push_back(reference.run(clips, 0.01 * (i + 1)));
      training.run(clips, num_micro, 0.01 * (i + 1));
      for (auto& step : training.step.earlier_steps())
        done.push_back(std::move(step));
      EXPECT_EQ(done.size(), static_cast<std::size_t>(i));
    }
    for (auto& step : training.step.all_steps())
      done.push_back(std::move(step));
    expect_equal(training, reference);
    ASSERT_EQ(done.size(), 5u);
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(done[i].step, static_cast<std::int64_t>(i + 1));
      EXPECT_DOUBLE_EQ(done[i].lr, 0.01 * static_cast<double>(i + 1));
      EXPECT_NEAR(done[i].outcome.loss, losses[i], 1e-5);
      EXPECT_NEAR(done[i].outcome.grad_norm, norms[i], 1e-5 * norms[i]);
      EXPECT_EQ(done[i].outcome.num_bad, 1);
      EXPECT_NEAR(done[i].outcome.top1,
                  2.0 * static_cast<double>(num_micro) / 11.0, 1e-7);
    }
    EXPECT_GT(training.step.sums().layout().buckets.size(), 3u);
  }
}

TEST_P(DeviceStepTest, AStepThatIsNotFiniteChangesNothing) {
  Training training(config());
  Reference reference(config());
  for (int i = 0; i < 4; ++i) {
    auto const clips = clips_of_step(i, 8);
    if (i != 2) reference.run(clips, 0.01);
    // On one rank alone.
    if (i == 2 && test_world().rank() == test_world().size() - 1)
      training.factor = kNan;
    training.run(clips, 8, 0.01);
    training.factor = 1.0;
  }
  expect_equal(training, reference);
  auto const done = training.step.all_steps();
  ASSERT_EQ(done.size(), 4u);
  EXPECT_TRUE(std::isnan(done[2].outcome.loss));
  EXPECT_TRUE(std::isfinite(done[3].outcome.loss));
  auto const culprits = done[2].guard.find_culprits(test_world(), std::nullopt);
  EXPECT_NE(culprits.find("on rank " + std::to_string(test_world().size() - 1)),
            std::string::npos)
      << culprits;
  if (GetParam().kind == OptimKind::adamw) {
    EXPECT_EQ(training.step.optimizer()
                  .state()
                  .tensors.at("num_steps")
                  .item<std::int64_t>(),
              3);
  }
  EXPECT_EQ(training.average.num_updates(), 3);
}

/// What one number of ranks saved, another goes on from: whole, by name.
TEST_P(DeviceStepTest, GoesOnFromItsState) {
  Training training(config());
  Reference reference(config());
  for (int i = 0; i < 2; ++i) {
    training.run(clips_of_step(i, 8), 8, 0.01);
    reference.run(clips_of_step(i, 8), 0.01);
  }
  auto const state = training.step.optimizer().state();
  for (auto const& info : training.net.infos) {
    auto const kind =
        GetParam().kind == OptimKind::adamw ? "exp_avg." : "momentum.";
    EXPECT_EQ(state.tensors.at(kind + info.name).sizes(),
              info.parameter.sizes());
  }
  Training fresh(config());
  Training used(config());
  used.run(clips_of_step(9, 8), 8, 0.01);
  for (auto* const other : {&fresh, &used}) {
    torch::NoGradGuard const no_grad;
    for (std::size_t i = 0; i < other->net.infos.size(); ++i)
      other->net.infos[i].parameter.copy_(training.net.infos[i].parameter);
    other->step.optimizer().load_state(state);
  }
  reference.run(clips_of_step(2, 8), 0.02);
  for (auto* const other : {&training, &fresh, &used}) {
    other->run(clips_of_step(2, 8), 8, 0.02);
    for (std::size_t i = 0; i < other->net.infos.size(); ++i)
      expect_near(other->net.infos[i].parameter,
                  reference.net.infos[i].parameter, other->net.infos[i].name);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, DeviceStepTest,
    testing::Values(Case{OptimKind::adamw, false}, Case{OptimKind::adamw, true},
                    Case{OptimKind::sgd, false}, Case{OptimKind::sgd, true}),
    [](auto const& found) {
      return to_word(found.param.kind) + (found.param.zero1 ? "Zero1" : "");
    });

TEST(DeviceStep, KeepsAShareOfTheMoments) {
  auto config = make_config();
  config.parallel.zero1 = true;
  Training training(config);
  training.run(clips_of_step(0, 8), 8, 0.01);
  std::int64_t num_owned = 0;
  for (auto const& range : training.step.sums().owned())
    num_owned += static_cast<std::int64_t>(range.size);
  auto const num_values = static_cast<std::int64_t>(
      training.step.sums().layout().num_gradient_values);
  EXPECT_EQ(num_owned * test_world().size(), num_values);
}

TEST(DeviceStep, CompressedGradientsAreNear) {
  auto config = make_config();
  Training exact(config);
  config.parallel.compress = Compression::bf16;
  Training narrow(config);
  for (int i = 0; i < 3; ++i) {
    auto const clips = clips_of_step(i, 8);
    exact.run(clips, 8, 0.0);
    narrow.run(clips, 8, 0.0);
    auto const found = narrow.step.sums().flat_gradient();
    auto const wanted = exact.step.sums().flat_gradient();
    auto const off = (found - wanted).norm().item<double>();
    EXPECT_LE(off, 0.01 * wanted.norm().item<double>());
    EXPECT_EQ(off > 0.0, test_world().size() > 1);
    EXPECT_EQ(narrow.step.all_steps().back().outcome.loss,
              exact.step.all_steps().back().outcome.loss);
  }
}

/// As next_loss_scale decides on the host.
TEST(DeviceStep, MovesTheLossScaleAsTheHostDoes) {
  auto config = make_config();
  config.train.precision = Precision::fp16;
  config.optim.clip_norm = 0.0;
  Training training(config);
  LossScale wanted = first_loss_scale(true);
  for (int i = 0; i < 6; ++i) {
    // The loss stays finite, its gradient times the scale does not.
    bool const overflows = i == 1 || i == 4;
    training.factor = overflows ? 1e35 : 1.0;
    training.run(clips_of_step(i, 8), 8, 0.001);
    wanted = next_loss_scale(wanted, !overflows);
    EXPECT_EQ(training.step.updater().scale_now(), wanted) << i;
  }
  auto const done = training.step.all_steps();
  EXPECT_TRUE(std::isfinite(done[1].outcome.loss));
  EXPECT_FALSE(std::isfinite(done[1].outcome.grad_norm));
  EXPECT_EQ(training.average.num_updates(), 4);
  EXPECT_TRUE(std::isfinite(done[5].outcome.grad_norm));
  training.step.updater().set_scale({1024.0, 1999});
  training.factor = 1.0;
  training.run(clips_of_step(7, 8), 8, 0.001);
  EXPECT_EQ(training.step.updater().scale_now(), (LossScale{2048.0, 0}));
  training.step.updater().set_scale({1.0, 5});
  training.factor = kInf;
  training.run(clips_of_step(8, 8), 8, 0.001);
  EXPECT_EQ(training.step.updater().scale_now(), (LossScale{1.0, 5}));
}

TEST(DeviceStep, RanksThatGiveUpHoldNobodyUp) {
  Training training(make_config());
  Reference reference(make_config());
  training.run(clips_of_step(0, 8), 8, 0.01);
  reference.run(clips_of_step(0, 8), 0.01);
  training.step.begin_step(2, 8, 8);
  training.step.give_up_step();
  training.step.finish_exchange();  // no update follows
  training.run(clips_of_step(1, 8), 8, 0.01);
  reference.run(clips_of_step(1, 8), 0.01);
  expect_equal(training, reference);
}

/// Running statistics move as apply_running_update moves them, or not at all.
TEST(DeviceUpdate, MovesBatchNormsUnlessTheStepIsSkipped) {
  auto const config = make_config();
  for (bool const is_skipped : {false, true}) {
    torch::manual_seed(8);
    auto norm = std::make_shared<BatchNorm>(5);
    auto twin = std::make_shared<BatchNorm>(5);
    std::vector<ParameterInfo> const infos = {
        {"weight", norm->weight, WeightDecay::off, ModelPart::fusion},
        {"bias", norm->bias, WeightDecay::off, ModelPart::fusion}};
    DeviceStep step(test_world(), config, at::kCPU, infos, {norm.get()},
                    nullptr, {}, [&](MicroBatch const& batch) {
                      auto const loss =
                          norm->forward(batch.clips).square().sum();
                      return DeviceScores{is_skipped ? loss * kNan : loss,
                                          at::zeros({}, at::kLong)};
                    });
    int const num_micro = test_world().size();
    step.begin_step(1, num_micro, 7 * num_micro);
    auto const all = at::randn({num_micro, 7, 5});
    MicroBatch batch;
    batch.clips = all[test_world().rank()];
    batch.samples.resize(7);
    step.add(batch);
    step.finish_exchange();
    step.update(0.01);
    if (!is_skipped) {
      twin->train();
      auto averaged = at::zeros({10});
      for (int i = 0; i < num_micro; ++i) {
        twin->forward(all[i]);
        averaged += batch_statistics({twin.get()}) / num_micro;
      }
      apply_running_update({twin.get()}, averaged);
    }
    expect_near(norm->running_mean, twin->running_mean, "mean");
    expect_near(norm->running_var, twin->running_var, "variance");
    EXPECT_EQ(norm->num_batches_tracked.item<std::int64_t>(),
              is_skipped ? 0 : 1);
  }
}

}  // namespace
}  // namespace gasm
