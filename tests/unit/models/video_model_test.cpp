// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/video_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "gasm/base/error.hpp"
#include "gasm/models/batch_norm.hpp"
#include "gasm/models/forward.hpp"
#include "gasm/models/model_summary.hpp"
#include "gasm/models/named_tensors.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

ModelConfig tiny(FusionKind kind = FusionKind::bcast) {
  ModelConfig config;
  config.semantic.preset = VitPreset::custom;
  config.semantic.resolution = {32, 48};
  config.semantic.frames = {1, 6};
  config.semantic.width = 16;
  config.semantic.depth = 1;
  config.semantic.heads = 2;
  config.semantic.ffn = FfnKind::mlp;
  config.semantic.ffn_hidden = 16;
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
  config.fusion.kind = kind;
  config.fusion.layers = 1;
  config.fusion.dim = 8;
  config.fusion.heads = 2;
  config.fusion.graph.heads = 2;
  config.fusion.standardise = Standardise::batchnorm;
  return config;
}

at::Tensor clips() { return at::randint(0, 256, {3, 8, 3, 32, 48}, at::kByte); }

TEST(VideoModel, StreamsHaveTheShapesOfTheSpec) {
  auto const model = make_video_model(tiny(), 8, 5, 1);
  StreamFeatures const features = model->extract(clips());
  EXPECT_EQ(features.semantic.sizes(),
            (std::vector<std::int64_t>{3, 2, 6, 16}));
  EXPECT_EQ(features.motion.sizes(), (std::vector<std::int64_t>{3, 4, 4, 12}));
  EXPECT_EQ(model->forward(clips()).sizes(), (std::vector<std::int64_t>{3, 5}));
  EXPECT_EQ(model->spec().motion_segments, 4);
  EXPECT_EQ(model->spec().semantic_grid, (std::array<int, 2>{2, 3}));
}

TEST(VideoModel, SeesOnlyTheKeptFramesInTheSemanticStream) {
  auto const model = make_video_model(tiny(), 8, 5, 1);
  model->eval();
  at::Tensor const first = clips();
  at::Tensor other = clips();
  other.select(1, 1).copy_(first.select(1, 1));
  other.select(1, 6).copy_(first.select(1, 6));
  EXPECT_TRUE(at::equal(model->extract(first).semantic,
                        model->extract(other).semantic));
  EXPECT_FALSE(
      at::equal(model->extract(first).motion, model->extract(other).motion));
}

TEST(VideoModel, NormalisesAsTheFormulaSays) {
  auto const model = make_video_model(tiny(), 8, 5, 1);
  model->eval();
  at::Tensor const bytes = clips();
  at::Tensor const mean = at::tensor({0.485, 0.456, 0.406}).view({3, 1, 1});
  at::Tensor const std = at::tensor({0.229, 0.224, 0.225}).view({3, 1, 1});
  at::Tensor const image =
      ((bytes[0][6].to(at::kDouble) / 255.0 - mean) / std).to(at::kFloat);
  at::Tensor const wanted =
      model->semantic_backbone()->forward(image.unsqueeze(0)).patches;
  EXPECT_TRUE(at::allclose(model->extract(bytes).semantic[0][1], wanted[0],
                           1e-4, 1e-5));
}

TEST(VideoModel, FramesArePooledToTheirMean) {
  ModelConfig config = tiny();
  config.semantic.frames = {1, 4, 6};
  config.semantic.frame_pool = FramePool::mean;
  auto const model = make_video_model(config, 8, 5, 1);
  model->eval();
  at::Tensor const bytes = clips();
  at::Tensor const mean = at::tensor({0.485, 0.456, 0.406}).view({3, 1, 1});
  at::Tensor const std = at::tensor({0.229, 0.224, 0.225}).view({3, 1, 1});
  at::Tensor sum = at::zeros({6, 16}, at::kDouble);
  for (auto const frame : {1, 4, 6}) {
    at::Tensor const image =
        ((bytes[2][frame].to(at::kDouble) / 255.0 - mean) / std).to(at::kFloat);
    sum += model->semantic_backbone()->forward(image.unsqueeze(0)).patches[0];
  }
  at::Tensor const found = model->extract(bytes).semantic;
  EXPECT_EQ(found.sizes(), (std::vector<std::int64_t>{3, 1, 6, 16}));
  EXPECT_TRUE(at::allclose(found[2][0].to(at::kDouble), sum / 3.0, 1e-4, 1e-5));
  EXPECT_EQ(model->forward(bytes).sizes(), (std::vector<std::int64_t>{3, 5}));
}

// The backbone still runs on every frame.
TEST(VideoModel, PooledFramesCostTheBackboneWhatOthersDo) {
  ModelConfig config = tiny();
  auto const apart = make_video_model(config, 8, 5, 1)->parts();
  config.semantic.frame_pool = FramePool::mean;
  auto const pooled = make_video_model(config, 8, 5, 1)->parts();
  EXPECT_GT(apart.at(0).macs, 0.0);
  EXPECT_EQ(pooled.at(0).macs, apart.at(0).macs);
  EXPECT_LT(pooled.at(2).macs, apart.at(2).macs);
}

// A model of blue, green, red sees what one of red, green, blue sees of the
// picture with these exchanged; mean and std belong to the colours.
TEST(VideoModel, EachStreamHasItsColoursAndStatistics) {
  ModelConfig config = tiny();
  config.semantic.mean = {0.1, 0.2, 0.3};
  config.semantic.std = {0.4, 0.5, 0.6};
  config.motion.mean = {0.3, 0.1, 0.2};
  config.motion.std = {0.2, 0.3, 0.4};
  auto const model = make_video_model(config, 8, 5, 1);
  model->eval();
  config.semantic.channels = config.motion.channels = ChannelOrder::bgr;
  config.semantic.mean = {0.3, 0.2, 0.1};
  config.semantic.std = {0.6, 0.5, 0.4};
  config.motion.mean = {0.2, 0.1, 0.3};
  config.motion.std = {0.4, 0.3, 0.2};
  auto const turned = make_video_model(config, 8, 5, 1);
  turned->eval();
  at::Tensor const bytes = clips();
  auto const wanted = model->extract(bytes);
  auto const found = turned->extract(bytes.flip(2));
  EXPECT_TRUE(at::equal(found.semantic, wanted.semantic));
  EXPECT_TRUE(at::equal(found.motion, wanted.motion));
  EXPECT_FALSE(at::allclose(turned->extract(bytes).semantic, wanted.semantic));
  EXPECT_FALSE(at::allclose(turned->extract(bytes).motion, wanted.motion));
}

TEST(VideoModel, CentredMotionIgnoresWhatStaysTheSame) {
  ModelConfig config = tiny();
  config.motion.input = MotionInput::centred;
  auto const model = make_video_model(config, 8, 5, 1);
  model->eval();
  at::Tensor const bytes = at::randint(0, 200, {3, 8, 3, 32, 48}, at::kByte);
  at::Tensor const still = at::randint(0, 55, {3, 1, 3, 32, 48}, at::kByte);
  EXPECT_TRUE(at::allclose(model->extract(bytes).motion,
                           model->extract(bytes + still).motion, 1e-3, 1e-4));
}

// Every pair of backbones: tokens of the motion transformer come back as
// places in time and space.
TEST(VideoModel, AnyPairOfBackbonesIsFused) {
  for (auto const kind :
       {SemanticKind::dinov3, SemanticKind::dinov2, SemanticKind::clip})
    for (auto const motion :
         {MotionKind::custom, MotionKind::videomae, MotionKind::vjepa2}) {
      ModelConfig config = tiny();
      config.semantic.kind = kind;
      config.semantic.positions = {3, 3};  // resampled to 2 x 3
      config.motion.kind = motion;
      config.motion.vit = {.preset = VitPreset::custom,
                           .width = 12,
                           .depth = 1,
                           .heads = 2,
                           .ffn_hidden = 20,
                           .patch = 16,
                           .tubelet = 2};
      auto const model = make_video_model(config, 8, 5, 1);
      model->train();
      model->forward(clips()).sum().backward();
      EXPECT_EQ(model->spec().motion_segments, 4);
      EXPECT_EQ(model->spec().motion_dim, 12);
      std::int64_t total = 0;
      for (auto const& part : describe(*model)) total = part.parameters;
      std::int64_t counted = 0;
      for (auto const& parameter : model->parameters())
        counted += parameter.numel();
      EXPECT_EQ(total, counted);
      bool has_motion_gradient = false;
      for (auto const& item : model->named_parameters())
        if (item.key().starts_with("motion_backbone.") &&
            item.value().grad().defined())
          has_motion_gradient = true;
      EXPECT_TRUE(has_motion_gradient);
    }
}

TEST(VideoModel, MotionTokensKeepTheirPlaces) {
  ModelConfig config = tiny(FusionKind::motion);
  config.motion.kind = MotionKind::videomae;
  config.motion.grid = {2, 3};  // as many as patches: nothing is averaged
  config.motion.vit = {.preset = VitPreset::custom,
                       .width = 12,
                       .depth = 1,
                       .heads = 2,
                       .ffn_hidden = 20,
                       .patch = 16,
                       .tubelet = 4};
  auto const model = make_video_model(config, 8, 5, 1);
  model->eval();
  at::Tensor const bytes = clips();
  auto const found = model->extract(bytes).motion;
  ASSERT_EQ(found.sizes(), (std::vector<std::int64_t>{3, 2, 6, 12}));
  at::Tensor const pixels =
      (bytes.transpose(1, 2).to(at::kFloat) / 255.0 - 0.45) / 0.225;
  at::Tensor const tokens = model->motion_vit()->forward(pixels).patches;
  EXPECT_TRUE(at::allclose(found.flatten(1, 2), tokens, 1e-4, 1e-5));
  EXPECT_THROW(make_video_model(config, 6, 5, 1), Error);
}

TEST(VideoModel, OneStreamBuildsOneBackbone) {
  auto const semantic = make_video_model(tiny(FusionKind::semantic), 8, 5, 1);
  EXPECT_EQ(semantic->motion_backbone(), nullptr);
  EXPECT_EQ(semantic->forward(clips()).size(1), 5);
  auto const motion = make_video_model(tiny(FusionKind::motion), 8, 5, 1);
  EXPECT_EQ(motion->semantic_backbone(), nullptr);
  EXPECT_EQ(motion->forward(clips()).size(1), 5);
  for (auto const& [name, tensor] : named_tensors(*motion))
    EXPECT_TRUE(name.starts_with("motion_backbone.") ||
                name.starts_with("gasm_cast."))
        << name;
}

TEST(VideoModel, IsAFunctionOfItsSeed) {
  auto const a = make_video_model(tiny(), 8, 5, 7);
  torch::randn({3});
  auto const b = make_video_model(tiny(), 8, 5, 7);
  auto const c = make_video_model(tiny(), 8, 5, 8);
  NamedTensors const ta = named_tensors(*a), tb = named_tensors(*b);
  bool differs = false;
  NamedTensors const tc = named_tensors(*c);
  for (std::size_t i = 0; i < ta.size(); ++i) {
    EXPECT_TRUE(at::equal(ta[i].second, tb[i].second)) << ta[i].first;
    differs = differs || !at::equal(ta[i].second, tc[i].second);
  }
  EXPECT_TRUE(differs);
}

TEST(VideoModel, AFrozenBackboneDoesNotMove) {
  ModelConfig config = tiny();
  config.motion.train = BackboneTraining::none;
  auto const model = make_video_model(config, 8, 5, 1);
  model->train();
  EXPECT_FALSE(model->motion_backbone()->is_training());
  EXPECT_TRUE(model->semantic_backbone()->is_training());
  model->forward(clips()).square().sum().backward();
  for (auto const& parameter : model->named_parameters()) {
    bool const frozen = parameter.key().starts_with("motion_backbone.");
    EXPECT_EQ(parameter.value().grad().defined(), !frozen) << parameter.key();
  }
  // Only the norms of the two streams follow the data.
  EXPECT_EQ(collect_batch_norms(*model).size(), 2u);
  for (ParameterInfo const& info : parameter_groups(*model))
    EXPECT_NE(info.part, ModelPart::motion_backbone) << info.name;
}

TEST(VideoModel, RunningStatisticsStayUntilApplied) {
  auto const model = make_video_model(tiny(), 8, 5, 1);
  model->train();
  auto const norms = collect_batch_norms(*model);
  // Stem, two blocks of three and a shortcut each, two streams.
  EXPECT_EQ(norms.size(), 1u + 2u * 4u + 2u);
  TensorMap before;
  for (auto const& [name, tensor] : named_tensors(*model))
    before[name] = tensor.detach().clone();
  model->forward(clips());
  for (auto const& [name, tensor] : named_tensors(*model))
    EXPECT_TRUE(at::equal(tensor, before[name])) << name;
  at::Tensor const seen = batch_statistics(norms);
  apply_running_update(norms, seen);
  EXPECT_TRUE(at::allclose(norms[0]->running_mean,
                           0.1 * seen.narrow(0, 0, norms[0]->channels())));
}

TEST(VideoModel, RefusesClipsOfTheWrongShapeOrType) {
  auto const model = make_video_model(tiny(), 8, 5, 1);
  try {
    model->forward(at::zeros({1, 8, 3, 32, 32}, at::kByte));
    FAIL() << "no error";
  } catch (Error const& e) {
    EXPECT_THAT(e.what(), HasSubstr("[1, 8, 3, 32, 32]"));
    EXPECT_THAT(e.what(), HasSubstr("[B, 8, 3, 32, 48]"));
  }
  EXPECT_THROW(model->forward(at::zeros({1, 8, 3, 32, 48})), Error);
}

TEST(ParameterGroups, DecayOnlyTheMatrices) {
  auto const model = make_video_model(tiny(), 8, 5, 1);
  std::size_t decayed = 0;
  for (ParameterInfo const& info : parameter_groups(*model)) {
    bool const is_table = info.name.find("pos_") != std::string::npos ||
                          info.name.ends_with("_bias") ||
                          info.name.ends_with("token") ||
                          info.name.ends_with("tokens");
    EXPECT_EQ(info.decay == WeightDecay::on,
              info.parameter.dim() >= 2 && !is_table)
        << info.name;
    decayed += info.decay == WeightDecay::on;
  }
  EXPECT_GT(decayed, 20u);
}

TEST(Describe, CountsEveryPart) {
  ModelConfig config = tiny();
  config.semantic.train = BackboneTraining::none;
  auto const model = make_video_model(config, 8, 5, 1);
  auto const parts = describe(*model);
  ASSERT_EQ(parts.size(), 4u);
  EXPECT_EQ(parts[0].trainable, 0);
  EXPECT_GT(parts[0].parameters, 0);
  std::int64_t total = 0;
  for (auto const& parameter : model->parameters()) total += parameter.numel();
  EXPECT_EQ(parts[3].parameters, total);
  EXPECT_EQ(parts[3].trainable, total - parts[0].parameters);
  EXPECT_THAT(summary_text(parts), HasSubstr("gasm_cast"));
}

TEST(Describe, FusionCostOfTheFaithfulModelIsThePublishedOne) {
  // One layer: 134.3 MMAC for its cross-attention; the FFNs of ratio 1 add
  // 2 * (196 * 768^2 + 8 * 512^2).
  FusionSpec spec;
  spec.graph_layers = 0;
  spec.fusion_layers = 1;
  double const head = 1280.0 * 174.0;
  double const ffn = 2.0 * (196.0 * 768 * 768 + 8.0 * 512 * 512);
  EXPECT_NEAR((fusion_macs(spec) - head - ffn) * 1e-6, 134.3, 0.05);
}

TEST(Describe, CostOfGraphsAndPoolsFollowsTheOptions) {
  FusionSpec spec;
  spec.fusion = FusionKind::semantic;
  double const usual = fusion_macs(spec), dim = 768.0, nodes = 196.0;
  // Self, 8 neighbours and 8 others instead of 196, for keys and for values.
  spec.graph_attention = GraphForm::gather;
  EXPECT_NEAR(usual - fusion_macs(spec), 2.0 * nodes * (nodes - 17.0) * dim,
              1.0);
  spec.graph_attention = GraphForm::dense;
  EXPECT_EQ(fusion_macs(spec), usual);
  // One cosine at full width for two layers, and none of width 64.
  spec.graph_layers = 2;
  double const learned = fusion_macs(spec);
  spec.graph_edges = GraphEdges::frozen;
  EXPECT_NEAR(learned - fusion_macs(spec),
              2.0 * 64.0 * nodes * (dim + nodes) - nodes * nodes * dim, 1.0);
  double const mean = fusion_macs(spec);
  spec.pool = FusionPool::attention;
  EXPECT_NEAR(fusion_macs(spec) - mean,
              2.0 * dim * dim + 2.0 * nodes * dim * 8.0, 1.0);
}

TEST(RunForward, TakesClipsWithChannelsLast) {
  ModelConfig const config = tiny();
  auto const model = make_video_model(config, 8, 5, 3);
  model->eval();
  TensorMap weights;
  for (auto const& [name, tensor] : named_tensors(*model))
    weights[name] = tensor;
  at::Tensor const bytes = clips();
  TensorMap const outputs = run_forward(
      config, weights, {{"clips", bytes.permute({0, 1, 3, 4, 2})}}, "w");
  EXPECT_TRUE(at::allclose(outputs.at("logits"), model->forward(bytes)));
  EXPECT_TRUE(outputs.count("trace.fusion.0.s_from_m"));
  EXPECT_THROW(run_forward(config, weights, {}, "w"), Error);
}

}  // namespace
}  // namespace gasm
