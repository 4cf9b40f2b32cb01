// SPDX-License-Identifier: Apache-2.0
#include "train_device.hpp"

#include <gtest/gtest.h>

#include "cuda_support.hpp"
#include "device_peak.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/eval/forward_batch.hpp"
#include "gasm/models/mac_count.hpp"
#include "model_flops.hpp"
#include "random_batch.hpp"

namespace gasm {
namespace {

using Choice = DeviceChoice;
constexpr RankOffer kNone{.is_linked = true, .num_devices = 0, .local_rank = 0};
constexpr RankOffer kUnlinked{
    .is_linked = false, .num_devices = 0, .local_rank = 0};
constexpr RankOffer offer(int num_devices, int local_rank) {
  return {
      .is_linked = true, .num_devices = num_devices, .local_rank = local_rank};
}

std::string complaint(Choice choice, std::vector<RankOffer> const& offers) {
  try {
    choose_devices(choice, offers);
  } catch (AgreedError const& refused) {
    EXPECT_EQ(refused.code(), ExitCode::usage);
    return refused.what();
  }
  return "";
}

TEST(ChooseDevices, GivesTheDevicesOfAMachineInTurn) {
  // Two machines, of four and of two GPUs.
  std::vector<RankOffer> const offers = {offer(4, 0), offer(4, 1), offer(2, 0),
                                         offer(2, 1), offer(2, 2)};
  for (auto const choice : {Choice::cuda, Choice::automatic}) {
    auto const devices = choose_devices(choice, offers);
    std::vector<std::string> names;
    for (auto const& device : devices) names.push_back(device.str());
    EXPECT_EQ(names, (std::vector<std::string>{"cuda:0", "cuda:1", "cuda:0",
                                               "cuda:1", "cuda:0"}));
  }
  for (auto const& device : choose_devices(Choice::cpu, offers))
    EXPECT_TRUE(device.is_cpu());
}

TEST(ChooseDevices, AutoIsTheCpuWhereNobodyHasAGpu) {
  for (auto const& none : {kNone, kUnlinked})
    for (auto const& device : choose_devices(Choice::automatic, {none, none}))
      EXPECT_TRUE(device.is_cpu());
}

TEST(ChooseDevices, SaysWhyThereIsNone) {
  auto const unlinked = complaint(Choice::cuda, {kUnlinked, kUnlinked});
  EXPECT_NE(unlinked.find("not linked with LibTorch's CUDA libraries"),
            std::string::npos)
      << unlinked;
  auto const none = complaint(Choice::cuda, {kNone});
  EXPECT_NE(none.find("no CUDA device is visible"), std::string::npos) << none;
  EXPECT_NE(none.find("Try train.device: cpu"), std::string::npos) << none;
}

TEST(ChooseDevices, NamesTheOddRanks) {
  for (auto const choice : {Choice::cuda, Choice::automatic}) {
    auto const text =
        complaint(choice, {offer(1, 0), kNone, offer(1, 0), kUnlinked});
    EXPECT_NE(text.find("ranks 1, 3 cannot compute on a GPU"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("and ranks 0, 2 can"), std::string::npos) << text;
  }
}

TEST(TrainDevice, IsTheCpuHere) {
  auto const world = Communicator::self();
  RunConfig config;
  EXPECT_TRUE(train_device(world, config).is_cpu());
  if (is_cuda_linked()) GTEST_SKIP() << "this program may have a GPU";
  config.train.device = Choice::automatic;
  EXPECT_TRUE(train_device(world, config).is_cpu());
  config.parallel.backend = Backend::nccl;
  EXPECT_THROW(train_device(world, config), AgreedError);
  config.train.device = Choice::cuda;
  EXPECT_THROW(train_device(world, config), AgreedError);
  EXPECT_THROW(make_step_graph(at::Device("cuda:0")), Error);
  EXPECT_EQ(device_name(at::kCPU), "");
}

/// From the data sheets, in 10^12 a second.
TEST(PeakFlops, KnowsDevicesByTheirNames) {
  EXPECT_EQ(peak_flops("NVIDIA H100 80GB HBM3", Precision::bf16), 989.4e12);
  EXPECT_EQ(peak_flops("NVIDIA H100 PCIe", Precision::bf16), 756e12);
  EXPECT_EQ(peak_flops("NVIDIA H200", Precision::fp16), 989.4e12);
  EXPECT_EQ(peak_flops("NVIDIA A100-SXM4-80GB", Precision::bf16), 312e12);
  EXPECT_EQ(peak_flops("NVIDIA A100-SXM4-80GB", Precision::fp32), 19.5e12);
  EXPECT_EQ(peak_flops("Tesla V100-SXM2-16GB", Precision::fp16), 125e12);
  EXPECT_EQ(peak_flops("Tesla V100-PCIE-32GB", Precision::fp16), 112e12);
  EXPECT_EQ(peak_flops("Tesla V100-SXM2-16GB", Precision::bf16), std::nullopt);
  EXPECT_EQ(peak_flops("NVIDIA L40S", Precision::bf16), 362.05e12);
  EXPECT_EQ(peak_flops("", Precision::bf16), std::nullopt);
}

TEST(Utilisation, IsAShareOfThePeak) {
  // 10^11 operations a clip, 2000 clips a second: a fifth of 10^15.
  Utilisation const use{.flops_a_clip = 1e11, .peak_flops = 1e15};
  EXPECT_DOUBLE_EQ(use.at(2000.0), 0.2);
}

/// Each product of the forward pass has two behind it, but those whose input
/// takes no gradient: between two and three times what the forward pass has.
TEST(TrainingFlops, AreThreeTimesTheForwardPassAtMost) {
  RunConfig config;
  config.data.source = DataSource::features;
  config.model.num_classes = 4;
  auto const model = make_recogniser(config.model, config.data.sampling.frames,
                                     4, 0, Backbones::absent);
  auto const batch = random_batch(config, 1);
  double const forward_flops = 2.0 * count_macs([&] {
                                 at::NoGradGuard const no_grad;
                                 forward_batch(*model, batch, Precision::fp32);
                               });
  double const flops = training_flops(config, *model, at::kCPU);
  EXPECT_GT(flops, 2.0 * forward_flops);
  EXPECT_LE(flops, 3.0 * forward_flops);
  for (auto const& parameter : model->parameters())
    EXPECT_FALSE(parameter.grad().defined());
}

}  // namespace
}  // namespace gasm
