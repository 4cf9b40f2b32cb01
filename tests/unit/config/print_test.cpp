// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "gasm/base/hash.hpp"
#include "gasm/config/load.hpp"

namespace gasm {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

RunConfig reload(RunConfig const& config) {
  return parse_config(to_yaml(config), "printed");
}

TEST(ToYaml, DefaultsReadBackToTheSameText) {
  RunConfig const config;
  EXPECT_EQ(to_yaml(reload(config)), to_yaml(config));
  EXPECT_EQ(digest(reload(config)), digest(config));
}

TEST(ToYaml, KeysStandInTheOrderOfTheStructs) {
  auto const text = to_yaml(RunConfig{});
  EXPECT_THAT(text, StartsWith("run:\n  name: run\n  dir: runs\n  seed: 0\n"
                               "data:\n  source: clips\n  train: \"\"\n"));
  EXPECT_THAT(text, HasSubstr("    graph:\n      layers: 1\n"));
  EXPECT_THAT(text, HasSubstr("    resolution: 224\n    frames: [8]\n"));
  EXPECT_THAT(text, HasSubstr("  steps: null\n"));
  EXPECT_THAT(text, HasSubstr("  num_classes: null\n"));
  EXPECT_THAT(text,
              HasSubstr("    temporal_kernels: [[3], [3, 1], [3, 1], [1, 3]]"));
}

TEST(ToYaml, NumbersReadBackBitForBit) {
  for (double const value :
       {0.1, 1.0 / 3, 1e-300, 5e-324, 2.2250738585072014e-308, 123.000000125,
        0.30000000000000004, 999.9999999999999, 0.0}) {
    RunConfig config;
    config.optim.lr = value;
    auto const got = reload(config).optim.lr;
    EXPECT_EQ(std::memcmp(&got, &value, sizeof value), 0) << value;
  }
  RunConfig config;
  config.run.seed = std::numeric_limits<std::uint64_t>::max();
  config.checkpoint.every_steps = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(reload(config).run.seed, config.run.seed);
  EXPECT_EQ(reload(config).checkpoint.every_steps,
            config.checkpoint.every_steps);
}

TEST(ToYaml, NumbersHaveAPointForOldReaders) {
  RunConfig config;
  config.optim.lr = 1e-5;
  config.optim.eps = 1e-8;
  config.train.epochs = 3;
  EXPECT_THAT(to_yaml(config), HasSubstr("lr: 1.0e-05\n"));
  EXPECT_THAT(to_yaml(config), HasSubstr("eps: 1.0e-08\n"));
  EXPECT_THAT(to_yaml(config), HasSubstr("epochs: 3.0\n"));
}

TEST(ToYaml, AwkwardTextReadsBack) {
  for (std::string const text : {"plain/path-1.h5",
                                 "null",
                                 "~",
                                 "true",
                                 "Yes",
                                 "12",
                                 "1e3",
                                 ".5",
                                 "a: b",
                                 "# no comment",
                                 "\"quoted\"",
                                 "back\\slash",
                                 "tab\there",
                                 "line\nbreak",
                                 "caf\xc3\xa9",
                                 " spaces ",
                                 "[1, 2]",
                                 "{a: b}",
                                 "&x",
                                 "*x",
                                 "!tag",
                                 "%x",
                                 "@x",
                                 "- x",
                                 "'",
                                 "\x01\x7f",
                                 "C:/x",
                                 "0x10"}) {
    RunConfig config;
    config.data.train = text;
    config.model.semantic.weights = text;
    EXPECT_EQ(reload(config).data.train, text);
    EXPECT_EQ(reload(config).model.semantic.weights, text);
  }
}

TEST(ToYaml, ResolutionIsOneNumberWhenSquare) {
  RunConfig config;
  config.model.semantic.resolution = {96, 160};
  EXPECT_THAT(to_yaml(config), HasSubstr("resolution: [96, 160]\n"));
  EXPECT_EQ(reload(config).model.semantic.resolution, (Resolution{96, 160}));
}

/// Every word of an enum, read and printed through one key.
template <class E>
void expect_words_read_back(std::string const& path) {
  for (auto const& choice : choices(E{})) {
    auto const dots = path.rfind('.');
    auto text = path.substr(dots + 1) + ": " + std::string(choice.word);
    auto outer = path.substr(0, dots);
    while (true) {
      auto const dot = outer.rfind('.');
      auto const key = dot == std::string::npos ? outer : outer.substr(dot + 1);
      text = key + ": {" + text + "}";
      if (dot == std::string::npos) break;
      outer.resize(dot);
    }
    try {
      auto const printed = to_yaml(parse_config(text, path));
      EXPECT_THAT(printed, HasSubstr(path.substr(dots + 1) + ": " +
                                     std::string(choice.word) + "\n"));
    } catch (Error const& e) {
      // Words that want another key are known words.
      EXPECT_THAT(e.what(),
                  AnyOf(HasSubstr("is nccl, but train.device is cpu"),
                        HasSubstr(".learns is empty, and"),
                        HasSubstr("is 0, but checkpoint.interval: auto"),
                        HasSubstr("is empty, but optim.schedule is step")))
          << text;
    }
  }
}

TEST(ToYaml, EveryWordReadsBack) {
  expect_words_read_back<DataSource>("data.source");
  expect_words_read_back<StoreMode>("data.store");
  expect_words_read_back<SamplingKind>("data.sampling.kind");
  expect_words_read_back<FrameOrder>("data.sampling.order");
  expect_words_read_back<FlipKind>("data.augment.flip");
  expect_words_read_back<CropKind>("data.augment.crop");
  expect_words_read_back<Interpolation>(
      "data.augment.rand_augment.interpolation");
  expect_words_read_back<ViewAverage>("eval.average");
  expect_words_read_back<ChannelOrder>("model.motion.channels");
  expect_words_read_back<BackboneTraining>("model.semantic.train");
  expect_words_read_back<RopePeriods>("model.semantic.rope_periods");
  expect_words_read_back<PositionResize>("model.semantic.position_resize");
  expect_words_read_back<MotionKind>("model.motion.kind");
  expect_words_read_back<MotionStage>("model.motion.stage");
  expect_words_read_back<MotionInput>("model.motion.input");
  expect_words_read_back<MotionPool>("model.motion.pool");
  expect_words_read_back<FusionKind>("model.fusion.kind");
  expect_words_read_back<FusionWindow>("model.fusion.window");
  expect_words_read_back<FusionPool>("model.fusion.pool");
  expect_words_read_back<Standardise>("model.fusion.standardise");
  expect_words_read_back<HeadStart>("model.timesformer.head");
  expect_words_read_back<OptimKind>("optim.kind");
  expect_words_read_back<ScheduleKind>("optim.schedule");
  expect_words_read_back<Precision>("train.precision");
  expect_words_read_back<DeviceChoice>("train.device");
  expect_words_read_back<CudaGraph>("train.cuda_graph");
  expect_words_read_back<Backend>("parallel.backend");
  expect_words_read_back<Compression>("parallel.compress");
  expect_words_read_back<SaveInterval>("checkpoint.interval");
}

TEST(ToYaml, EveryPresetOfEveryKindReadsBack) {
  for (auto const& kind : choices(SemanticKind{}))
    for (auto const preset : presets_of(backbone_kind(kind.value))) {
      RunConfig config;
      config.model.semantic.kind = kind.value;
      config.model.semantic.preset = preset;
      config.model.semantic = with_preset_sizes(config.model.semantic);
      // A multiple of both patches.
      config.model.semantic.resolution = {112, 112};
      auto const again = reload(config).model.semantic;
      EXPECT_EQ(again.kind, kind.value);
      EXPECT_EQ(again.preset, preset);
      EXPECT_EQ(again.patch, config.model.semantic.patch);
    }
}

TEST(ToYaml, WordsOfCustomSizesReadBack) {
  RunConfig config;
  config.model.semantic.preset = VitPreset::custom;
  config.model.motion.kind = MotionKind::custom;
  for (auto const& choice : choices(FfnKind{})) {
    config.model.semantic.ffn = choice.value;
    EXPECT_EQ(reload(config).model.semantic.ffn, choice.value);
  }
  for (auto const& choice : choices(StemPool{})) {
    config.model.motion.stem_pool = choice.value;
    EXPECT_EQ(reload(config).model.motion.stem_pool, choice.value);
  }
  for (auto const& choice : choices(TemporalPool{})) {
    config.model.motion.temporal_pool = choice.value;
    EXPECT_EQ(reload(config).model.motion.temporal_pool, choice.value);
  }
}

TEST(Digest, IsTheHashOfTheResolvedText) {
  RunConfig const config;
  EXPECT_EQ(digest(config), to_hex(xxh64(to_yaml(config))));
  EXPECT_EQ(digest(config).size(), 16u);
}

TEST(Digest, KnowsNoKeyOrderStyleOrComment) {
  auto const a = parse_config(
      "optim: {lr: 0.5, eps: 1.0e-6}\nrun: {seed: 3, name: x}\n", "a");
  auto const b = parse_config(
      "# the same\nrun:\n  name: 'x'\n  seed: 3\noptim:\n  eps: 0.000001\n"
      "  lr: 5e-1\ntrain:\n  epochs: 20\n",
      "b");
  EXPECT_EQ(digest(a), digest(b));
}

TEST(Digest, ChangesWithEveryValue) {
  RunConfig config;
  auto const before = digest(config);
  config.model.fusion.graph.sim_dim = 63;
  EXPECT_NE(digest(config), before);
  config = {};
  config.optim.lr = std::nextafter(config.optim.lr, 1.0);
  EXPECT_NE(digest(config), before);
}

}  // namespace
}  // namespace gasm
