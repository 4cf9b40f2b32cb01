// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "gasm/base/error.hpp"
#include "gasm/config/load.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string complaint(std::string const& text) {
  try {
    parse_config(text, "f.yaml");
  } catch (Error const& e) {
    EXPECT_EQ(e.code(), ExitCode::usage);
    return e.what();
  }
  return "";
}

struct Contradiction {
  std::string text;
  std::string starts_with;
  std::string says;

  friend void PrintTo(Contradiction const& bad, std::ostream* out) {
    *out << bad.text;
  }
};

class ContradictionTest : public testing::TestWithParam<Contradiction> {};

TEST_P(ContradictionTest, NamesPlaceAndKeys) {
  auto const& bad = GetParam();
  auto const got = complaint(bad.text);
  EXPECT_THAT(got, StartsWith(bad.starts_with));
  EXPECT_THAT(got, HasSubstr(bad.says));
}

INSTANTIATE_TEST_SUITE_P(
    Log, ContradictionTest,
    testing::Values(
        Contradiction{"log: {prometheus: run.txt}",
                      "f.yaml:1:7: log.prometheus", "Try run.txt.prom"},
        Contradiction{"log: {tensorboard: false, projector_samples: 8}",
                      "f.yaml:1:27: log.projector_samples",
                      "log.tensorboard is false"},
        Contradiction{"log: {tensorboard: false, histograms_every_steps: 8}",
                      "f.yaml:1:27: log.histograms_every_steps",
                      "log.tensorboard is false"},
        Contradiction{
            "{model: {kind: timesformer}, log: {projector_samples: 8}}",
            "f.yaml:1:36: log.projector_samples",
            "timesformer has no pooled features"}));

INSTANTIATE_TEST_SUITE_P(
    Baselines, ContradictionTest,
    testing::Values(
        Contradiction{"model: {kind: timesformer, timesformer: {preset: "
                      "vits14}}",
                      "f.yaml:1:42: model.timesformer.preset",
                      "is vits14. Try vitb16"},
        Contradiction{"model: {kind: timesformer, timesformer: {width: 64}}",
                      "f.yaml:1:42: model.timesformer.width is 64",
                      "preset: vitb16 has 768"},
        Contradiction{"model: {kind: timesformer, timesformer: {preset: "
                      "custom, heads: 7}}",
                      "f.yaml:1:58: model.timesformer.heads",
                      "does not divide model.timesformer.width (768)"},
        Contradiction{"model: {kind: timesformer, timesformer: {resolution: "
                      "[224, 200]}}",
                      "f.yaml:1:42: model.timesformer.resolution",
                      "not a multiple of the patch, 16"},
        Contradiction{"model: {kind: timesformer}\ndata: {source: features}",
                      "f.yaml:2:8: data.source",
                      "model.kind is timesformer (which runs on clips alone)"},
        Contradiction{"model: {kind: cast, cast: {bottleneck_ratio: 0.3}}",
                      "f.yaml:1:28: model.cast.bottleneck_ratio",
                      "a bottleneck of 230 channels (model.cast.heads, 12"},
        Contradiction{"model: {kind: cast, cast: {adapter_ratio: 0}}",
                      "f.yaml:1:28: model.cast.adapter_ratio",
                      "leaves nothing of the 768 channels"},
        Contradiction{"model: {kind: cast}\ndata: {sampling: {frames: 7}}",
                      "f.yaml:2:19: data.sampling.frames",
                      "is 7, but model.kind is cast"},
        Contradiction{"model: {kind: cast}\ndata: {augment: {crop: "
                      "short_side, short_side_min_px: 200}}",
                      "f.yaml:2:36: data.augment.short_side_min_px",
                      "the clip's 224 px (model.cast.resolution)"},
        Contradiction{"optim: {schedule: step}", "f.yaml: optim.step_epochs",
                      "is empty, but optim.schedule is step"},
        Contradiction{"optim: {step_epochs: [3]}",
                      "f.yaml:1:9: optim.step_epochs",
                      "is set, but optim.schedule is cosine"},
        Contradiction{"optim: {schedule: step, step_epochs: [3, 3]}",
                      "f.yaml:1:25: optim.step_epochs", "is not ascending"}));

TEST(Validate, OtherSectionsOfTheModelAreNotLookedAt) {
  EXPECT_EQ(complaint("model: {kind: cast, semantic: {preset: custom, heads: "
                      "7}, motion: {grid: [99, 99]}}"),
            "");
  EXPECT_EQ(complaint("model: {cast: {preset: custom, heads: 7}}"), "");
}

INSTANTIATE_TEST_SUITE_P(
    Model, ContradictionTest,
    testing::Values(
        Contradiction{"model: {semantic: {preset: custom, heads: 7}}",
                      "f.yaml:1:36: model.semantic.heads",
                      "is 7 and does not divide model.semantic.width (384)"},
        Contradiction{
            "model: {semantic: {preset: custom, width: 36, heads: 6}}",
            "f.yaml:1:47: model.semantic.heads", "6 channels a head"},
        Contradiction{"model: {semantic: {resolution: 230}}",
                      "f.yaml:1:20: model.semantic.resolution",
                      "not a multiple of the patch, 16). Try 224"},
        Contradiction{"model: {semantic: {frames: [3, 3]}}",
                      "f.yaml:1:20: model.semantic.frames", "not ascending"},
        Contradiction{"model: {semantic: {frames: [16]}}",
                      "f.yaml:1:20: model.semantic.frames",
                      "frame 16 of a clip of 16"},
        Contradiction{"data: {sampling: {frames: 4}}",
                      "f.yaml: model.semantic.frames",
                      "frame 8 of a clip of 4"},
        Contradiction{"model: {motion: {kind: custom, widths: [8]}}",
                      "f.yaml:1:32: model.motion.widths",
                      "has 1 entries (stage res3 needs 2)"},
        Contradiction{"model: {motion: {kind: custom, stem_kernel: [1, 2, 3]}}",
                      "f.yaml:1:32: model.motion.stem_kernel", "holds 2"},
        Contradiction{
            "model: {motion: {kind: custom, temporal_kernels: [[1], [1, 4]]}}",
            "f.yaml:1:32: model.motion.temporal_kernels", "holds 4"},
        // 224 px / (2 * 2 * 2) = 28 places at res3.
        Contradiction{"model: {motion: {grid: [28, 29]}}",
                      "f.yaml:1:18: model.motion.grid",
                      "finer than the 28 x 28 places of stage res3"},
        Contradiction{"model: {fusion: {dim: 100}}",
                      "f.yaml: model.fusion.heads",
                      "is 8 and does not divide model.fusion.dim (100)"},
        Contradiction{"model: {fusion: {kind: late, graph: {heads: 5}}}",
                      "f.yaml:1:38: model.fusion.graph.heads",
                      "does not divide model.semantic.width (384)"},
        Contradiction{"model: {fusion: {kind: motion, motion_width: 12}}",
                      "f.yaml: model.fusion.graph.heads",
                      "does not divide model.fusion.motion_width (12)"},
        Contradiction{"model: {fusion: {pool: attention, pool_heads: 5}}",
                      "f.yaml:1:35: model.fusion.pool_heads",
                      "is 5 and does not divide model.semantic.width (384)"},
        Contradiction{"model: {fusion: {kind: cross, dim: 32, pool: attention, "
                      "pool_heads: 64}}",
                      "f.yaml:1:57: model.fusion.pool_heads",
                      "does not divide model.fusion.dim (32)"},
        Contradiction{"model: {fusion: {standardise: batchnorm, graph: {edges: "
                      "frozen}}}",
                      "f.yaml:1:50: model.fusion.graph.edges",
                      "its scaling is learned"},
        Contradiction{"model: {semantic: {frame_pool: mean}, fusion: {window: "
                      "aligned}}",
                      "f.yaml:1:48: model.fusion.window",
                      "model.semantic.frame_pool is mean"},
        Contradiction{"model: {fusion: {cross_bias: true}}",
                      "f.yaml:1:18: model.fusion.cross_bias",
                      "more than one motion place"}));

INSTANTIATE_TEST_SUITE_P(
    Run, ContradictionTest,
    testing::Values(
        Contradiction{"train: {micro_batch: 65}",
                      "f.yaml:1:9: train.micro_batch",
                      "above train.global_batch (64)"},
        Contradiction{"parallel: {virtual_ranks: 3}",
                      "f.yaml:1:12: parallel.virtual_ranks",
                      "train.global_batch (64) must be 3 times"},
        Contradiction{"train: {epochs: 0.5}", "f.yaml: optim.warmup_epochs",
                      "above train.epochs (0.5)"},
        Contradiction{
            "train: {eval_every_epochs: 0, early_stop: {patience: 1}}",
            "f.yaml:1:44: train.early_stop.patience", "needs evaluations"},
        Contradiction{"checkpoint: {interval: auto}",
                      "f.yaml: checkpoint.mtbf_hours",
                      "is 0, but checkpoint.interval: auto needs the mean"},
        Contradiction{
            "checkpoint: {interval: auto, mtbf_hours: 24, every_minutes: 0}",
            "f.yaml:1:46: checkpoint.every_minutes", "until a save was"},
        Contradiction{"run: {name: a/b}", "f.yaml:1:7: run.name",
                      "not the name of one folder"},
        Contradiction{"run: {name: ..}", "f.yaml:1:7: run.name", ""},
        Contradiction{"data: {augment: {scale_min: 0.9, scale_max: 0.8}}",
                      "f.yaml:1:18: data.augment.scale_min", "0.8"},
        Contradiction{"data: {augment: {ratio_min: 2}}",
                      "f.yaml:1:18: data.augment.ratio_min", "1.3333"},
        Contradiction{"data: {sampling: {frames: 1}}\n"
                      "model: {fusion: {kind: motion}}",
                      "f.yaml:1:19: data.sampling.frames", "too few"}));

INSTANTIATE_TEST_SUITE_P(
    SamplingAndAugmentation, ContradictionTest,
    testing::Values(
        Contradiction{"data: {sampling: {kind: motion, stride: 2}}",
                      "f.yaml:1:33: data.sampling.stride",
                      "is 2, but data.sampling.kind is motion (only dense has "
                      "a stride). Try data.sampling.kind: dense"},
        Contradiction{"data: {sampling: {kind: tsm}}\neval: {clips: 3}",
                      "f.yaml:2:8: eval.clips", "at most 2"},
        Contradiction{"eval: {crops: 2}", "f.yaml:1:8: eval.crops", "Try 3"},
        Contradiction{"eval: {crops: 3}\ndata: {augment: {crop: none}}",
                      "f.yaml:1:8: eval.crops",
                      "data.augment.crop: none shows the whole frame"},
        Contradiction{"data: {augment: {short_side_min_px: 321}}",
                      "f.yaml:1:18: data.augment.short_side_min_px",
                      "above short_side_max_px (320)"},
        Contradiction{
            "data: {augment: {crop: short_side, short_side_min_px: 200}}",
            "f.yaml:1:36: data.augment.short_side_min_px",
            "below the clip's 224 px (model.semantic.resolution). Try 224"},
        Contradiction{"data: {augment: {erase: {area_min: 0.5}}}",
                      "f.yaml:1:26: data.augment.erase.area_min",
                      "above area_max (0.3333)"},
        Contradiction{"data: {augment: {mix: {mixup_alpha: 0.8}}}\n"
                      "train: {micro_batch: 1}",
                      "f.yaml:1:24: data.augment.mix.mixup_alpha",
                      "train.micro_batch is 1"},
        Contradiction{"data: {augment: {mix: {cutmix_alpha: 1}}}\n"
                      "train: {micro_batch: 1}",
                      "f.yaml:1:24: data.augment.mix.cutmix_alpha",
                      "Try train.micro_batch: 2"},
        Contradiction{"data: {augment: {rand_augment: {interpolate: bicubic}}}",
                      "f.yaml:1:33", "Did you mean"},
        Contradiction{
            "data: {augment: {rand_augment: {interpolation: bicubik}}}",
            "f.yaml:1:48: data.augment.rand_augment.interpolation", "bicubic"},
        Contradiction{"data: {sampling: {kind: keyframe}}",
                      "f.yaml:1:25: data.sampling.kind", "motion"}));

INSTANTIATE_TEST_SUITE_P(
    Features, ContradictionTest,
    testing::Values(Contradiction{"{data: {source: features}, "
                                  "model: {semantic: {train: all}}}",
                                  "f.yaml:1:47: model.semantic.train",
                                  "is all, but data.source is features"},
                    Contradiction{"{data: {source: features}, "
                                  "model: {motion: {train: all}}}",
                                  "f.yaml:1:45: model.motion.train",
                                  "Try none, or data.source: clips"},
                    Contradiction{
                        "{data: {source: features, "
                        "feature_augment: {mixup_alpha: 0.8}}, "
                        "train: {micro_batch: 1}}",
                        "f.yaml:1:45: data.feature_augment.mixup_alpha",
                        "Try train.micro_batch: 2"}));

INSTANTIATE_TEST_SUITE_P(
    Learning, ContradictionTest,
    testing::Values(
        Contradiction{"model: {semantic: {train: some}}",
                      "f.yaml: model.semantic.learns", "train is some"},
        Contradiction{"model: {motion: {learns: [res5]}}",
                      "f.yaml:1:18: model.motion.learns", "Try train: some"},
        Contradiction{"{data: {source: features}, model: {motion: {train: "
                      "some, learns: [res3]}}}",
                      "f.yaml:1:", "model.motion.train"}));

INSTANTIATE_TEST_SUITE_P(
    Device, ContradictionTest,
    testing::Values(
        Contradiction{"parallel: {backend: nccl}",
                      "f.yaml:1:12: parallel.backend", "train.device is cpu"},
        Contradiction{"{train: {device: auto, micro_batch: 16}, "
                      "parallel: {backend: nccl, virtual_ranks: 4}}",
                      "f.yaml:1:68: parallel.virtual_ranks", "no fixed tree"},
        Contradiction{"{train: {device: cuda}, "
                      "optim: {implementation: foreach}}",
                      "f.yaml:1:33: optim.implementation", "Try fused"}));

TEST(Validate, FittingSettingsAreFine) {
  EXPECT_EQ(complaint("data: {sampling: {kind: dense, stride: 4}}\n"
                      "eval: {clips: 10, crops: 3, average: logits}"),
            "");
  EXPECT_EQ(complaint("data: {sampling: {kind: tsm}, "
                      "augment: {crop: multi_scale}}\neval: {clips: 2}"),
            "");
  EXPECT_EQ(complaint("data: {augment: {mix: {mixup_alpha: 0.8, "
                      "cutmix_alpha: 1, probability: 0}}}\n"
                      "train: {micro_batch: 1}"),
            "");
}

TEST(Validate, AStreamThatIsNotThereIsNotChecked) {
  EXPECT_EQ(complaint("model: {fusion: {kind: motion}, "
                      "semantic: {preset: custom, heads: 7, frames: [99]}}"),
            "");
  EXPECT_EQ(complaint("model: {fusion: {kind: semantic}, "
                      "motion: {kind: custom, widths: [8]}}"),
            "");
}

TEST(Validate, VirtualRanksMayFit) {
  EXPECT_EQ(complaint("parallel: {virtual_ranks: 4, zero1: true, "
                      "compress: bf16}"),
            "");
}

TEST(Validate, GlobalBatchNeedNotBeAMultiple) {
  EXPECT_EQ(complaint("train: {global_batch: 50, micro_batch: 16}"), "");
}

TEST(Validate, AStructIsCheckedToo) {
  RunConfig config;
  validate(config);
  config.train.micro_batch = 100;
  try {
    validate(config, "sweep trial 3");
    FAIL();
  } catch (Error const& e) {
    EXPECT_THAT(e.what(), StartsWith("sweep trial 3: train.micro_batch is "));
  }
}

TEST(ValidateForTraining, WantsBothStores) {
  RunConfig config;
  EXPECT_THROW(validate_for_training(config), Error);
  config.data.train = "a.h5";
  try {
    validate_for_training(config, "f.yaml");
    FAIL();
  } catch (Error const& e) {
    EXPECT_THAT(e.what(), StartsWith("f.yaml: data.val is not set"));
  }
  config.data.val = "b.h5";
  validate_for_training(config);
}

}  // namespace
}  // namespace gasm
