// SPDX-License-Identifier: Apache-2.0
// Parameters that are not there yet are not numbers: whoever reads one too
// early spoils the result.
#include "parameter_arrivals.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "gasm/models/recogniser.hpp"

namespace gasm {
namespace {

ModelConfig tiny(ModelKind kind) {
  ModelConfig config;
  config.kind = kind;
  config.timesformer.preset = config.cast.preset = VitPreset::custom;
  config.semantic.preset = VitPreset::custom;
  config.timesformer.resolution = config.cast.resolution = {16, 24};
  config.semantic.resolution = {32, 48};
  config.timesformer.width = config.cast.width = config.semantic.width = 16;
  config.timesformer.depth = config.cast.depth = config.semantic.depth = 2;
  config.timesformer.heads = config.cast.heads = config.semantic.heads = 2;
  config.timesformer.ffn_hidden = config.cast.ffn_hidden = 24;
  config.timesformer.patch = config.cast.patch = 8;
  config.semantic.ffn = FfnKind::mlp;
  config.semantic.ffn_hidden = 24;
  config.semantic.frames = {1, 2};
  config.semantic.train = BackboneTraining::all;
  config.motion.kind = MotionKind::custom;
  config.motion.stage = MotionStage::res3;
  config.motion.grid = {2, 2};
  config.motion.train = BackboneTraining::all;
  config.motion.stem_width = 4;
  config.motion.stem_kernel = {3, 3, 3};
  config.motion.widths = {8, 12};
  config.motion.inner_widths = {4, 4};
  config.motion.depths = {1, 1};
  config.motion.temporal_kernels = {{3}, {3}};
  config.fusion.layers = 2;
  config.fusion.dim = 8;
  config.fusion.heads = config.fusion.graph.heads = 2;
  return config;
}

at::Tensor clips(ModelKind kind) {
  torch::manual_seed(3);
  std::int64_t const height = kind == ModelKind::fusion ? 32 : 16;
  return at::randint(0, 256, {2, 4, 3, height, height / 2 * 3}, at::kByte);
}

/// One parameter a bucket, brought when it is waited for.
class Courier {
 public:
  explicit Courier(Recogniser const& model) {
    for (auto const& item : model.named_parameters())
      if (item.value().requires_grad()) {
        infos_.push_back(
            {item.key(), item.value(), WeightDecay::on, ModelPart::fusion});
        values_.push_back(item.value().detach().clone());
      }
  }

  ParameterArrivals arrivals() {
    std::vector<std::size_t> buckets(infos_.size());
    std::iota(buckets.begin(), buckets.end(), 0);
    return {infos_, std::move(buckets), [this](std::size_t i) { bring(i); }};
  }
  void take_away() {
    torch::NoGradGuard no_grad;
    for (auto const& info : infos_)
      info.parameter.fill_(std::numeric_limits<float>::quiet_NaN());
    num_brought_ = 0;
  }
  /// Values.
  std::int64_t num_brought() const { return num_brought_; }
  std::int64_t num_values() const {
    std::int64_t num = 0;
    for (auto const& value : values_) num += value.numel();
    return num;
  }

 private:
  void bring(std::size_t i) {
    torch::NoGradGuard no_grad;
    infos_[i].parameter.copy_(values_[i]);
    num_brought_ += values_[i].numel();
  }

  std::vector<ParameterInfo> infos_;
  std::vector<at::Tensor> values_;
  std::int64_t num_brought_ = 0;
};

class ParameterArrivalsTest : public testing::TestWithParam<ModelKind> {};

TEST_P(ParameterArrivalsTest, NothingIsReadBeforeItIsThere) {
  for (auto const activations : {Activations::kept, Activations::recomputed}) {
    auto const model = make_recogniser(tiny(GetParam()), 4, 5, 7);
    model->set_activations(activations);
    auto const forward = [&] {
      torch::manual_seed(1);  // dropout
      return model->forward(clips(GetParam()));
    };
    at::Tensor const wanted = forward();
    Courier courier(*model);
    auto arrivals = courier.arrivals();
    for (int pass = 0; pass < 3; ++pass) {
      courier.take_away();
      arrivals.begin_forward();
      auto const at_first = courier.num_brought();
      at::Tensor found;
      {
        BlockListenerGuard const guard(&arrivals);
        found = forward();
      }
      EXPECT_TRUE(at::equal(found, wanted)) << "pass " << pass;
      // The first pass does not know the blocks.
      if (pass == 0)
        EXPECT_EQ(at_first, courier.num_values());
      else
        EXPECT_LT(at_first, courier.num_values() / 2);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, ParameterArrivalsTest,
                         testing::Values(ModelKind::fusion,
                                         ModelKind::timesformer,
                                         ModelKind::cast),
                         [](auto const& kind) {
                           std::string name(to_word(kind.param));
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace gasm
