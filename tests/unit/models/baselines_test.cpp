// SPDX-License-Identifier: Apache-2.0
// TimeSformer and CAST as recognisers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "gasm/base/error.hpp"
#include "gasm/models/cast.hpp"
#include "gasm/models/model_summary.hpp"
#include "gasm/models/named_tensors.hpp"
#include "gasm/models/recogniser.hpp"
#include "gasm/models/timesformer_model.hpp"
#include "gasm/models/video_model.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

ModelConfig tiny(ModelKind kind) {
  ModelConfig config;
  config.kind = kind;
  config.timesformer.preset = config.cast.preset = VitPreset::custom;
  config.timesformer.resolution = config.cast.resolution = {16, 24};
  config.timesformer.width = config.cast.width = 16;
  config.timesformer.depth = config.cast.depth = 2;
  config.timesformer.heads = config.cast.heads = 2;
  config.timesformer.ffn_hidden = config.cast.ffn_hidden = 24;
  config.timesformer.patch = config.cast.patch = 8;
  return config;
}

at::Tensor clips(std::int64_t num_frames = 4) {
  return at::randint(0, 256, {3, num_frames, 3, 16, 24}, at::kByte);
}

// Sizes of the published models at 174 classes. CAST: 85,799,424 of CLIP's
// tower, 86,225,664 of VideoMAE's, and 45,201,966 besides.
TEST(Baselines, HaveThePublishedNumbersOfParameters) {
  ModelConfig config;
  config.kind = ModelKind::cast;
  auto parts = describe(*build_recogniser(config, 16, 174));
  ASSERT_EQ(parts.size(), 4u);
  EXPECT_EQ(parts[0].parameters, 85'799'424);
  EXPECT_EQ(parts[0].trainable, 1'536);  // ln_post
  EXPECT_EQ(parts[1].parameters, 86'225'664);
  EXPECT_EQ(parts[1].trainable, 0);
  EXPECT_EQ(parts[3].trainable, 45'205'038);
  EXPECT_EQ(parts[3].parameters, 85'799'424 + 86'225'664 + 45'203'502);
  EXPECT_NEAR(parts[3].macs * 1e-9, 391, 391 * 0.005);

  config.kind = ModelKind::timesformer;
  parts = describe(*build_recogniser(config, 8, 174));
  EXPECT_EQ(parts.back().parameters, 121'392'558);
  EXPECT_EQ(parts.back().trainable, 121'392'558);
  EXPECT_NEAR(parts.back().macs * 1e-9, 196, 1);
}

TEST(Baselines, AreAFunctionOfTheirSeed) {
  for (auto const kind : {ModelKind::timesformer, ModelKind::cast}) {
    auto const a = make_recogniser(tiny(kind), 4, 5, 7);
    auto const b = make_recogniser(tiny(kind), 4, 5, 7);
    auto const c = make_recogniser(tiny(kind), 4, 5, 8);
    auto const of = [](auto const& model) {
      return torch::nn::utils::parameters_to_vector(model->parameters());
    };
    EXPECT_TRUE(at::equal(of(a), of(b)));
    EXPECT_FALSE(at::equal(of(a), of(c)));
  }
}

TEST(Baselines, NormaliseAsTheFormulaSays) {
  ModelConfig config = tiny(ModelKind::timesformer);
  config.timesformer.mean = {0.1, 0.2, 0.3};
  config.timesformer.std = {0.5, 0.25, 2.0};
  config.timesformer.channels = ChannelOrder::bgr;
  TimesformerModel model(config.timesformer, 4, 5);
  model.eval();
  at::Tensor const bytes = clips();
  at::Tensor const mean = at::tensor({0.1F, 0.2F, 0.3F}).view({3, 1, 1});
  at::Tensor const std = at::tensor({0.5F, 0.25F, 2.0F}).view({3, 1, 1});
  at::Tensor const pixels =
      ((bytes.to(at::kFloat) / 255 - mean) / std).flip(2).transpose(1, 2);
  EXPECT_TRUE(at::allclose(model.forward(bytes),
                           model.body().forward(pixels).logits, 1e-5, 1e-6));
}

TEST(Baselines, RefuseClipsOfAnotherShapeAndFeatures) {
  for (auto const kind : {ModelKind::timesformer, ModelKind::cast}) {
    auto const model = make_recogniser(tiny(kind), 4, 5, 1);
    EXPECT_EQ(model->forward(clips()).sizes(),
              (std::vector<std::int64_t>{3, 5}));
    EXPECT_THROW(model->forward(clips(6)), Error);
    EXPECT_THROW(model->forward(clips().to(at::kFloat)), Error);
    EXPECT_THROW(model->fuse({}), Error);
  }
  EXPECT_THROW(make_recogniser(tiny(ModelKind::cast), 5, 5, 1), Error);
}

/// Every change starts at zero, so that the streams pass as they are.
TEST(Cast, StartsAsItsTransformers) {
  Cast model(tiny(ModelKind::cast).cast, 4, 5);
  model.eval();
  at::Tensor const logits = model.forward(clips());
  EXPECT_TRUE(at::equal(logits, at::zeros_like(logits)));
}

/// CLIP sees the second frame of each pair alone, VideoMAE all.
TEST(Cast, GivesEachStreamItsFrames) {
  Cast model(tiny(ModelKind::cast).cast, 4, 5);
  model.eval();
  at::NoGradGuard const no_grad;
  for (auto& parameter : model.named_parameters())
    if (parameter.key() == "spatial_adapter.up.weight")
      parameter.value().normal_();
  at::Tensor const bytes = clips();
  at::Tensor first = bytes.clone(), second = bytes.clone();
  first.select(1, 2).fill_(0);
  second.select(1, 3).fill_(0);
  at::Tensor const logits = model.forward(bytes);
  EXPECT_TRUE(at::equal(model.forward(first), logits));
  EXPECT_FALSE(at::equal(model.forward(second), logits));
  for (auto& parameter : model.named_parameters())
    if (parameter.key() == "temporal_adapter.up.weight")
      parameter.value().normal_();
  EXPECT_FALSE(at::equal(model.forward(first), model.forward(bytes)));
}

TEST(Cast, FrozenPartsTakeNoGradientAndDoNotLearn) {
  auto const model = make_recogniser(tiny(ModelKind::cast), 4, 5, 1);
  model->train();
  at::cross_entropy_loss(model->forward(clips()),
                         at::tensor({0, 1, 2}, at::kLong))
      .backward();
  for (auto const& parameter : model->named_parameters()) {
    std::string const& name = parameter.key();
    bool const is_frozen =
        (name.starts_with("clip.") && !name.starts_with("clip.norm.")) ||
        name.starts_with("videomae.");
    EXPECT_EQ(parameter.value().grad().defined(), !is_frozen) << name;
  }
  for (auto const& info : parameter_groups(*model)) {
    EXPECT_EQ(info.part, info.name.starts_with("clip.") ? ModelPart::clip
                                                        : ModelPart::fusion);
    EXPECT_EQ(info.decay == WeightDecay::on,
              info.parameter.dim() >= 2 && !info.name.ends_with("_pos"))
        << info.name;
  }
}

TEST(Cast, DropsBranchesInTrainingAlone) {
  ModelConfig config = tiny(ModelKind::cast);
  config.cast.drop_path = 0.9;
  auto const model = make_recogniser(config, 4, 5, 1);
  {
    at::NoGradGuard const no_grad;
    for (auto& parameter : model->parameters()) parameter.normal_(0, 0.3);
  }
  at::Tensor const bytes = clips();
  model->eval();
  EXPECT_TRUE(at::equal(model->forward(bytes), model->forward(bytes)));
  model->train();
  EXPECT_FALSE(at::equal(model->forward(bytes), model->forward(bytes)));
}

TEST(ParameterGroups, TheClassifierIsNoBackbone) {
  auto const model = make_recogniser(tiny(ModelKind::timesformer), 4, 5, 1);
  EXPECT_EQ(static_cast<std::int64_t>(parameter_groups(*model).size()),
            std::ssize(model->parameters()));
  for (auto const& info : parameter_groups(*model))
    EXPECT_EQ(info.part, info.name.find(".classifier.") == std::string::npos
                             ? ModelPart::timesformer
                             : ModelPart::fusion)
        << info.name;
}

TEST(AddTime, CopiesSpaceAndStartsTheRestAtZero) {
  TimesformerOptions options;
  options.width = 4;
  options.depth = 1;
  options.num_frames = 3;
  TensorMap image;
  for (char const* name :
       {"encoder.layer.0.attention.attention.qkv.weight",
        "encoder.layer.0.attention.output.dense.bias",
        "encoder.layer.0.layernorm_before.weight",
        "encoder.layer.0.layernorm_after.weight", "layernorm.weight"})
    image[name] = torch::randn({4});
  EXPECT_TRUE(is_image_transformer(image));
  TensorMap const video = add_time(image, options);
  EXPECT_FALSE(is_image_transformer(video));
  EXPECT_EQ(video.size(), image.size() + 3 + 2 + 1);
  auto const same = [&](std::string const& a, std::string const& b) {
    return at::equal(video.at("encoder.layer.0." + a),
                     image.at("encoder.layer.0." + b));
  };
  EXPECT_TRUE(same("temporal_attention.attention.qkv.weight",
                   "attention.attention.qkv.weight"));
  EXPECT_TRUE(same("temporal_attention.output.dense.bias",
                   "attention.output.dense.bias"));
  EXPECT_TRUE(same("temporal_layernorm.weight", "layernorm_before.weight"));
  EXPECT_TRUE(at::equal(video.at("encoder.layer.0.temporal_dense.weight"),
                        at::zeros({4, 4})));
  EXPECT_TRUE(
      at::equal(video.at("embeddings.time_embeddings"), at::zeros({1, 3, 4})));
}

}  // namespace
}  // namespace gasm
