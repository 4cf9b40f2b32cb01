// SPDX-License-Identifier: Apache-2.0
// A training step on a GPU beside the same step on CPUs, which
// tests/mpi/train/device_step_test.cpp holds against torch's optimisers.
#include "device_step.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "cuda_support.hpp"
#include "support/mpi_main.hpp"
#include "train_device.hpp"

namespace gasm {
namespace {

constexpr int kClipsAMicroBatch = 6;
constexpr int kMicroBatchesARank = 2;

struct Training {
  Training(RunConfig const& run_config, at::Device where, double drop = 0.0)
      : config(run_config), device(where), dropout(drop) {
    torch::manual_seed(3);
    for (int i = 0; i < 4; ++i) {
      add("w" + std::to_string(i), at::randn({70, 70}) * 0.15);
      add("b" + std::to_string(i), at::randn({70}));
    }
    average = std::make_unique<WeightAverage>(0.9, infos);
    step = std::make_unique<DeviceStep>(
        test_world(), config, device, infos, std::vector<BatchNorm*>{},
        average.get(), first_loss_scale(false),
        [this](MicroBatch const& batch) { return score(batch); });
  }
  ~Training() { step->close(); }
  Training(Training const&) = delete;
  Training& operator=(Training const&) = delete;

  void add(std::string const& name, at::Tensor const& value) {
    infos.push_back({name, value.to(device).requires_grad_(), WeightDecay::on,
                     ModelPart::fusion});
  }

  DeviceScores score(MicroBatch const& batch) const {
    auto x = batch.semantic;
    for (std::size_t i = 0; i < 4; ++i)
      x = at::dropout(at::tanh(at::addmm(infos[2 * i + 1].parameter, x,
                                         infos[2 * i].parameter)),
                      dropout, true);
    return {x.square().sum() * factor, x.argmax(1).eq(batch.labels).sum()};
  }

  void run(int seed, double lr = 0.01) {
    auto const& world = test_world();
    int const num_micro = kMicroBatchesARank * world.size();
    step->begin_step(++num_steps, num_micro, num_micro * kClipsAMicroBatch);
    for (int i = 0; i < kMicroBatchesARank; ++i) {
      int const index = world.rank() * kMicroBatchesARank + i;
      torch::manual_seed(1000 * seed + index);
      MicroBatch batch;
      batch.index = index;
      batch.semantic = at::randn({kClipsAMicroBatch, 70});
      batch.labels = at::randint(70, {kClipsAMicroBatch}, at::kLong);
      batch.samples.resize(kClipsAMicroBatch);
      step->add(batch);
    }
    step->finish_exchange();
    step->update(lr);
  }

  RunConfig config;
  at::Device device;
  double dropout;
  double factor = 1.0;
  std::vector<ParameterInfo> infos;
  std::unique_ptr<WeightAverage> average;
  std::unique_ptr<DeviceStep> step;
  int num_steps = 0;
};

struct Case {
  OptimKind kind = OptimKind::adamw;
  bool zero1 = false;
  Backend backend = Backend::automatic;
  CudaGraph graph = CudaGraph::automatic;
};

class GpuStep : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    int const num_devices =
        static_cast<unsigned char>(torch::cuda::device_count());
    if (num_devices < test_world().size())
      GTEST_SKIP() << "needs a GPU a rank (" << num_devices << " found"
                   << (is_cuda_linked() ? "" : ", CUDA is not linked") << ")";
    config.train.device = DeviceChoice::cuda;
    config.data.source = DataSource::features;
    config.parallel.first_bucket_mb = 0.01;
    config.parallel.bucket_mb = 0.03;
    config.optim.kind = GetParam().kind;
    config.parallel.zero1 = GetParam().zero1;
    config.parallel.backend = GetParam().backend;
    config.train.cuda_graph = GetParam().graph;
    device = train_device(test_world(), config);
    device_config = config;
    config.parallel.backend = Backend::mpi;
  }

  void expect_near(Training const& found, Training const& wanted) const {
    for (std::size_t i = 0; i < found.infos.size(); ++i) {
      auto const off =
          (found.infos[i].parameter.to(at::kCPU) - wanted.infos[i].parameter)
              .abs()
              .max()
              .item<double>();
      EXPECT_LE(off, 2e-5) << found.infos[i].name;
    }
  }

  RunConfig config, device_config;
  at::Device device = at::kCPU;
};

TEST_P(GpuStep, IsThatOfTheCpu) {
  Training there(device_config, device);
  Training here(config, at::kCPU);
  for (int i = 0; i < 8; ++i) {
    there.run(i);
    here.run(i);
  }
  auto const found = there.step->all_steps();
  auto const wanted = here.step->all_steps();
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i].outcome.loss, wanted[i].outcome.loss,
                1e-4 * wanted[i].outcome.loss);
    EXPECT_NEAR(found[i].outcome.grad_norm, wanted[i].outcome.grad_norm,
                1e-4 * wanted[i].outcome.grad_norm);
    EXPECT_EQ(found[i].outcome.top1, wanted[i].outcome.top1);
  }
  expect_near(there, here);
  auto const state = there.step->optimizer().state();
  for (auto const& [name, tensor] : here.step->optimizer().state().tensors)
    EXPECT_TRUE(at::allclose(state.tensors.at(name).to(at::kDouble),
                             tensor.to(at::kDouble), 1e-3, 1e-5))
        << name;
  bool const records =
      test_world().size() == 1 && GetParam().graph == CudaGraph::automatic;
  EXPECT_EQ(there.step->num_replays(), records ? 5 * kMicroBatchesARank : 0);
}

TEST_P(GpuStep, AStepThatIsNotFiniteChangesNothing) {
  Training there(device_config, device);
  Training here(config, at::kCPU);
  for (int i = 0; i < 3; ++i) {
    bool const is_bad = i == 1;
    there.factor = is_bad ? std::numeric_limits<double>::quiet_NaN() : 1.0;
    there.run(i);
    if (!is_bad) here.run(i);
  }
  auto const done = there.step->all_steps();
  ASSERT_EQ(done.size(), 3u);
  EXPECT_FALSE(std::isfinite(done[1].outcome.loss));
  EXPECT_EQ(there.average->num_updates(), 2);
  expect_near(there, here);
}

/// A replay draws what its seed says, as a step that is not recorded.
TEST_P(GpuStep, DropsOutBySeed) {
  auto const losses_of = [&](RunConfig const& run_config) {
    Training training(run_config, device, 0.3);
    for (int const seed : {0, 1, 2, 7, 8, 7}) training.run(seed, 0.0);
    std::vector<double> losses;
    for (auto const& done : training.step->all_steps())
      losses.push_back(done.outcome.loss);
    return losses;
  };
  auto const losses = losses_of(device_config);
  EXPECT_NE(losses[3], losses[4]);
  EXPECT_NEAR(losses[3], losses[5], 1e-6 * losses[3]);
  auto plain = device_config;
  plain.train.cuda_graph = CudaGraph::off;
  auto const wanted = losses_of(plain);
  for (std::size_t i = 0; i < losses.size(); ++i)
    EXPECT_NEAR(losses[i], wanted[i], 1e-5 * wanted[i]) << i;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, GpuStep,
    testing::Values(Case{}, Case{.graph = CudaGraph::off}, Case{.zero1 = true},
                    Case{.kind = OptimKind::sgd},
                    Case{.kind = OptimKind::sgd, .zero1 = true},
                    Case{.backend = Backend::mpi},
                    Case{.zero1 = true, .backend = Backend::mpi}));

}  // namespace
}  // namespace gasm
