// SPDX-License-Identifier: Apache-2.0
#include "validate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gasm/base/error.hpp"
#include "gasm/config/load.hpp"
#include "refuse.hpp"

namespace gasm {
namespace config_detail {

void check_divides(Locate const& locate, std::string_view path, int heads,
                   std::string_view width_path, int width) {
  refuse_if(width % heads != 0, locate, path,
            "is {} and does not divide {} ({}).", heads, width_path, width);
}

namespace {

void check_odd(Locate const& locate, std::string_view path, int kernel) {
  refuse_if(kernel % 2 == 0, locate, path, "holds {} (a kernel is odd).",
            kernel);
}

/// Positions after a convolution or pooling with "same" padding.
int stride_down(int size, int stride) { return (size - 1) / stride + 1; }

int last_stage(MotionConfig const& config) {
  return static_cast<int>(config.stage);
}

/// Rows or columns of the motion backbone's output.
int motion_map_side(MotionConfig const& config, int side, int stem_stride) {
  side = stride_down(side, stem_stride);
  if (config.stem_pool == StemPool::max) side = stride_down(side, 2);
  for (int stage = 1; stage <= last_stage(config); ++stage)
    side = stride_down(side, 2);
  return side;
}

void check_preset(SemanticConfig const& config, Locate const& locate) {
  if (config.preset == VitPreset::custom) return;
  auto const known = presets_of(backbone_kind(config.kind));
  refuse_if(std::ranges::count(known, config.preset) == 0, locate,
            "model.semantic.preset", "is {}, which {} has not. Try {}.",
            to_word(config.preset), to_word(config.kind),
            to_word(known.front()));
}

template <class Config>
void check_learning(Config const& config, std::string_view section,
                    Locate const& locate) {
  auto const path = fmt::format("{}.learns", section);
  bool const is_some = config.train == BackboneTraining::some;
  refuse_if(is_some && config.learns.empty(), locate, path,
            "is empty, and {}.train is some. Try the name of a block, or "
            "train: none.",
            section);
  refuse_if(!is_some && !config.learns.empty(), locate, path,
            "names what learns, but {}.train is {}. Try train: some.", section,
            to_word(config.train));
}

void check_semantic(SemanticConfig const& config, Locate const& locate) {
  check_preset(config, locate);
  check_learning(config, "model.semantic", locate);
  check_divides(locate, "model.semantic.heads", config.heads,
                "model.semantic.width", config.width);
  refuse_if(config.kind == SemanticKind::dinov3 &&
                (config.width / config.heads) % 4 != 0,
            locate, "model.semantic.heads",
            "gives {} channels a head (rotary embedding wants a multiple of "
            "4).",
            config.width / config.heads);
  refuse_if(
      config.resolution.height % config.patch != 0 ||
          config.resolution.width % config.patch != 0,
      locate, "model.semantic.resolution",
      "is {} x {} (not a multiple of the patch, {}). Try {}.",
      config.resolution.height, config.resolution.width, config.patch,
      std::max(1, config.resolution.height / config.patch) * config.patch);
  auto const disordered = std::adjacent_find(
      config.frames.begin(), config.frames.end(), std::greater_equal<>());
  refuse_if(disordered != config.frames.end(), locate, "model.semantic.frames",
            "is not ascending. Try each frame once, in order.");
}

void check_motion_vit(ModelConfig const& model, Locate const& locate) {
  auto const& vit = model.motion.vit;
  if (vit.preset != VitPreset::custom) {
    auto const known = presets_of(backbone_kind(model.motion.kind));
    refuse_if(std::ranges::count(known, vit.preset) == 0, locate,
              "model.motion.vit.preset", "is {}, which {} has not. Try {}.",
              to_word(vit.preset), to_word(model.motion.kind),
              to_word(known.back()));
  }
  check_divides(locate, "model.motion.vit.heads", vit.heads,
                "model.motion.vit.width", vit.width);
  refuse_if(
      model.motion.kind == MotionKind::vjepa2 && vit.width / vit.heads < 6,
      locate, "model.motion.vit.heads",
      "gives {} channels a head (rotary time wants at least 6).",
      vit.width / vit.heads);
  auto const& resolution = model.semantic.resolution;
  refuse_if(
      resolution.height % vit.patch != 0 || resolution.width % vit.patch != 0,
      locate, "model.semantic.resolution",
      "is {} x {} (not a multiple of model.motion.vit.patch, {}). Try "
      "{}.",
      resolution.height, resolution.width, vit.patch,
      std::max(1, resolution.height / vit.patch) * vit.patch);
  int const rows = resolution.height / vit.patch;
  int const columns = resolution.width / vit.patch;
  refuse_if(model.motion.grid[0] > rows || model.motion.grid[1] > columns,
            locate, "model.motion.grid",
            "is {} x {}, finer than the {} x {} patches.", model.motion.grid[0],
            model.motion.grid[1], rows, columns);
}

void check_motion(ModelConfig const& model, Locate const& locate) {
  auto const& config = model.motion;
  check_learning(config, "model.motion", locate);
  if (is_vit(config.kind)) return check_motion_vit(model, locate);
  auto const num_stages = static_cast<std::size_t>(last_stage(config)) + 1;
  auto const check_list = [&](std::string_view path, std::size_t count) {
    refuse_if(count < num_stages, locate, path,
              "has {} entries (stage {} needs {}).", count,
              to_word(config.stage), num_stages);
  };
  check_list("model.motion.widths", config.widths.size());
  check_list("model.motion.inner_widths", config.inner_widths.size());
  check_list("model.motion.depths", config.depths.size());
  check_list("model.motion.temporal_kernels", config.temporal_kernels.size());
  for (int const kernel : config.stem_kernel)
    check_odd(locate, "model.motion.stem_kernel", kernel);
  for (auto const& pattern : config.temporal_kernels)
    for (int const kernel : pattern)
      check_odd(locate, "model.motion.temporal_kernels", kernel);

  auto const& resolution = model.semantic.resolution;
  int const rows =
      motion_map_side(config, resolution.height, config.stem_stride[1]);
  int const columns =
      motion_map_side(config, resolution.width, config.stem_stride[2]);
  refuse_if(config.grid[0] > rows || config.grid[1] > columns, locate,
            "model.motion.grid",
            "is {} x {}, finer than the {} x {} places of stage {}.",
            config.grid[0], config.grid[1], rows, columns,
            to_word(config.stage));
}

/// Do the heads divide the width of each stream?
void check_stream_heads(ModelConfig const& model, Locate const& locate,
                        std::string_view path, int heads) {
  auto const& fusion = model.fusion;
  auto const check_stream = [&](std::string_view width_path, int projected,
                                std::string_view own_path, int own) {
    if (fusion.kind == FusionKind::cross)
      check_divides(locate, path, heads, "model.fusion.dim", fusion.dim);
    else if (projected > 0)
      check_divides(locate, path, heads, width_path, projected);
    else
      check_divides(locate, path, heads, own_path, own);
  };
  if (fusion.kind != FusionKind::motion)
    check_stream("model.fusion.semantic_width", fusion.semantic_width,
                 "model.semantic.width", model.semantic.width);
  if (fusion.kind == FusionKind::semantic) return;
  auto const& motion = model.motion;
  check_stream(
      "model.fusion.motion_width", fusion.motion_width,
      "the width of the motion stage",
      is_vit(motion.kind)
          ? motion.vit.width
          : motion.widths[static_cast<std::size_t>(last_stage(motion))]);
}

void check_fusion(ModelConfig const& model, Locate const& locate) {
  auto const& fusion = model.fusion;
  auto const kind = fusion.kind;
  bool const is_cross = kind == FusionKind::cross;
  if (is_cross || kind == FusionKind::bcast)
    check_divides(locate, "model.fusion.heads", fusion.heads,
                  "model.fusion.dim", fusion.dim);
  refuse_if(fusion.cross_bias && model.motion.grid == std::array{1, 1}, locate,
            "model.fusion.cross_bias",
            "needs more than one motion place. Try model.motion.grid: [4, "
            "4].");
  refuse_if((is_cross || kind == FusionKind::bcast) &&
                fusion.window == FusionWindow::aligned &&
                model.semantic.frame_pool == FramePool::mean,
            locate, "model.fusion.window",
            "is aligned, but model.semantic.frame_pool is mean (no frame is "
            "left to be nearest to a segment). Try global, or "
            "model.semantic.frame_pool: none.");
  bool const has_graph = fusion.graph.layers > 0;
  refuse_if(has_graph && fusion.graph.edges == GraphEdges::frozen &&
                fusion.standardise == Standardise::batchnorm,
            locate, "model.fusion.graph.edges",
            "is frozen, but model.fusion.standardise is batchnorm (its scaling "
            "is learned). Try learned, or model.fusion.standardise: fixed.");
  if (has_graph)
    check_stream_heads(model, locate, "model.fusion.graph.heads",
                       fusion.graph.heads);
  if (fusion.pool == FusionPool::attention)
    check_stream_heads(model, locate, "model.fusion.pool_heads",
                       fusion.pool_heads);
}

void check_sampling(RunConfig const& config, Locate const& locate) {
  auto const& sampling = config.data.sampling;
  refuse_if(sampling.stride != 1 && sampling.kind != SamplingKind::dense,
            locate, "data.sampling.stride",
            "is {}, but data.sampling.kind is {} (only dense has a stride). "
            "Try data.sampling.kind: dense, or stride: 1.",
            sampling.stride, to_word(sampling.kind));
  refuse_if(sampling.kind == SamplingKind::tsm && config.eval.clips > 2, locate,
            "eval.clips",
            "is {}, but data.sampling.kind: tsm has at most 2 (its "
            "twice_sample). Try 2.",
            config.eval.clips);
}

void check_views(RunConfig const& config, Locate const& locate) {
  auto const& eval = config.eval;
  refuse_if(eval.crops == 2, locate, "eval.crops",
            "is 2 (1 is the centre, 3 are left, centre and right). Try 3.");
  refuse_if(eval.crops > 1 && config.data.augment.crop == CropKind::none,
            locate, "eval.crops",
            "is {}, but data.augment.crop: none shows the whole frame. Try "
            "eval.crops: 1, or data.augment.crop: center.",
            eval.crops);
}

void check_augment(RunConfig const& config, Locate const& locate) {
  auto const& augment = config.data.augment;
  auto const resolution = input_resolution(config.model);
  refuse_if(augment.short_side_min_px > augment.short_side_max_px, locate,
            "data.augment.short_side_min_px",
            "is {}, above short_side_max_px ({}).", augment.short_side_min_px,
            augment.short_side_max_px);
  int const longer_px = std::max(resolution.width, resolution.height);
  refuse_if(augment.crop == CropKind::short_side &&
                augment.short_side_min_px < longer_px,
            locate, "data.augment.short_side_min_px",
            "is {}, below the clip's {} px (model.{}.resolution). Try {}.",
            augment.short_side_min_px, longer_px,
            config.model.kind == ModelKind::fusion ? "semantic"
                                                   : to_word(config.model.kind),
            longer_px);
  auto const& erase = augment.erase;
  refuse_if(erase.area_min > erase.area_max, locate,
            "data.augment.erase.area_min", "is {}, above area_max ({}).",
            erase.area_min, erase.area_max);
  refuse_if(augment.mix.is_on() && config.train.micro_batch == 1, locate,
            augment.mix.mixup_alpha > 0.0 ? "data.augment.mix.mixup_alpha"
                                          : "data.augment.mix.cutmix_alpha",
            "mixes the clips of a micro-batch, and train.micro_batch is 1. Try "
            "train.micro_batch: 2.");
}

void check_data(RunConfig const& config, Locate const& locate) {
  auto const& augment = config.data.augment;
  refuse_if(augment.scale_min > augment.scale_max, locate,
            "data.augment.scale_min", "is {}, above scale_max ({}).",
            augment.scale_min, augment.scale_max);
  refuse_if(augment.ratio_min > augment.ratio_max, locate,
            "data.augment.ratio_min", "is {}, above ratio_max ({}).",
            augment.ratio_min, augment.ratio_max);
  if (config.model.kind != ModelKind::fusion) return;
  int const num_frames = config.data.sampling.frames;
  if (config.model.fusion.kind != FusionKind::motion)
    refuse_if(config.model.semantic.frames.back() >= num_frames, locate,
              "model.semantic.frames",
              "asks for frame {} of a clip of {} (counted from 0). Try {}.",
              config.model.semantic.frames.back(), num_frames, num_frames / 2);
  bool const halves =
      config.model.motion.temporal_pool == TemporalPool::after_res2 &&
      config.model.motion.stage != MotionStage::res2;
  if (config.model.fusion.kind != FusionKind::semantic && halves)
    refuse_if(stride_down(num_frames, config.model.motion.stem_stride[0]) < 2,
              locate, "data.sampling.frames",
              "is {}, too few for a motion backbone that halves the time.",
              num_frames);
}

void check_features(RunConfig const& config, Locate const& locate) {
  if (config.data.source != DataSource::features ||
      config.model.kind != ModelKind::fusion)
    return;
  auto const check_backbone = [&](std::string_view path,
                                  BackboneTraining train) {
    refuse_if(train != BackboneTraining::none, locate, path,
              "is {}, but data.source is features (the backbones do not run). "
              "Try none, or data.source: clips.",
              to_word(train));
  };
  auto const kind = config.model.fusion.kind;
  if (kind != FusionKind::motion)
    check_backbone("model.semantic.train", config.model.semantic.train);
  if (kind != FusionKind::semantic)
    check_backbone("model.motion.train", config.model.motion.train);
  refuse_if(config.data.feature_augment.mixup_alpha > 0.0 &&
                config.train.micro_batch == 1,
            locate, "data.feature_augment.mixup_alpha",
            "mixes the samples of a micro-batch, and train.micro_batch is 1. "
            "Try train.micro_batch: 2.");
}

void check_train(RunConfig const& config, Locate const& locate) {
  auto const& train = config.train;
  refuse_if(train.global_batch < train.micro_batch, locate, "train.micro_batch",
            "is {}, above train.global_batch ({}).", train.micro_batch,
            train.global_batch);
  auto const& parallel = config.parallel;
  refuse_if(parallel.virtual_ranks > 0 &&
                std::int64_t{parallel.virtual_ranks} * train.micro_batch !=
                    train.global_batch,
            locate, "parallel.virtual_ranks",
            "is {}, so that train.global_batch ({}) must be {} times "
            "train.micro_batch ({}).",
            parallel.virtual_ranks, train.global_batch, parallel.virtual_ranks,
            train.micro_batch);
  refuse_if(!train.steps && config.optim.warmup_epochs > train.epochs, locate,
            "optim.warmup_epochs", "is {}, above train.epochs ({}).",
            config.optim.warmup_epochs, train.epochs);
  refuse_if(train.early_stop.patience > 0 && train.eval_every_epochs == 0.0,
            locate, "train.early_stop.patience",
            "needs evaluations (train.eval_every_epochs is 0).");
  auto const& name = config.run.name;
  refuse_if(name == "." || name == ".." || name.find('/') != std::string::npos,
            locate, "run.name",
            "is \"{}\" (not the name of one folder). Try run.dir for where it "
            "lies.",
            name);
}

void check_optim(RunConfig const& config, Locate const& locate) {
  auto const& optim = config.optim;
  auto const& borders = optim.step_epochs;
  refuse_if(optim.schedule == ScheduleKind::step && borders.empty(), locate,
            "optim.step_epochs",
            "is empty, but optim.schedule is step. Try [10, 15].");
  refuse_if(optim.schedule != ScheduleKind::step && !borders.empty(), locate,
            "optim.step_epochs",
            "is set, but optim.schedule is {}. Try optim.schedule: step.",
            to_word(optim.schedule));
  refuse_if(std::ranges::adjacent_find(borders, std::greater_equal<>()) !=
                borders.end(),
            locate, "optim.step_epochs", "is not ascending.");
}

void check_device(RunConfig const& config, Locate const& locate) {
  auto const device = config.train.device;
  auto const& parallel = config.parallel;
  refuse_if(parallel.backend == Backend::nccl && device == DeviceChoice::cpu,
            locate, "parallel.backend",
            "is nccl, but train.device is cpu (NCCL moves GPUs' memory). Try "
            "auto, or train.device: cuda.");
  bool const is_cuda =
      device == DeviceChoice::cuda || parallel.backend == Backend::nccl;
  refuse_if(is_cuda && parallel.virtual_ranks > 0, locate,
            "parallel.virtual_ranks",
            "is {}, but gradients are summed on GPUs (where there is no fixed "
            "tree). Try 0, or train.device: cpu.",
            parallel.virtual_ranks);
  refuse_if(is_cuda && config.optim.kind == OptimKind::adamw &&
                config.optim.implementation != Implementation::fused,
            locate, "optim.implementation",
            "is {}, but the optimiser runs on a GPU (fused alone can leave out "
            "a step there without asking the host). Try fused.",
            to_word(config.optim.implementation));
}

Locate after_name(std::string const& name) {
  return [prefix = name.empty() ? name : name + ": "](std::string_view) {
    return prefix;
  };
}

}  // namespace

void check(ModelConfig const& config, Locate const& locate) {
  if (config.kind != ModelKind::fusion) return check_baseline(config, locate);
  auto const kind = config.fusion.kind;
  if (kind != FusionKind::motion) check_semantic(config.semantic, locate);
  if (kind != FusionKind::semantic) check_motion(config, locate);
  check_fusion(config, locate);
}

void check(RunConfig const& config, Locate const& locate) {
  check(config.model, locate);
  check_baseline(config, locate);
  check_data(config, locate);
  check_sampling(config, locate);
  check_augment(config, locate);
  check_views(config, locate);
  check_features(config, locate);
  check_optim(config, locate);
  check_train(config, locate);
  check_device(config, locate);
  check_records(config, locate);
}

void check(FusionSpec const& spec, Locate const& locate) {
  bool const is_cross = spec.fusion == FusionKind::cross;
  if (is_cross || spec.fusion == FusionKind::bcast)
    check_divides(locate, "fusion_heads", spec.fusion_heads, "fusion_dim",
                  spec.fusion_dim);
  bool const uses_semantic = spec.fusion != FusionKind::motion;
  bool const uses_motion = spec.fusion != FusionKind::semantic;
  auto const width = [&](int projected, int own) {
    if (is_cross) return spec.fusion_dim;
    return projected > 0 ? projected : own;
  };
  auto const check_heads = [&](std::string_view path, int heads) {
    if (uses_semantic)
      check_divides(locate, path, heads, "the semantic width",
                    width(spec.semantic_width, spec.semantic_dim));
    if (uses_motion)
      check_divides(locate, path, heads, "the motion width",
                    width(spec.motion_width, spec.motion_dim));
  };
  if (spec.graph_layers > 0) check_heads("graph_heads", spec.graph_heads);
  if (spec.pool == FusionPool::attention)
    check_heads("pool_heads", spec.pool_heads);
  refuse_if(
      spec.graph_layers > 0 && spec.graph_edges == GraphEdges::frozen &&
          spec.standardise == Standardise::batchnorm,
      locate, "graph_edges",
      "is frozen, but standardise is batchnorm (its scaling is learned).");
  auto const last = *std::max_element(spec.semantic_frames.begin(),
                                      spec.semantic_frames.end());
  refuse_if(last >= spec.clip_frames, locate, "semantic_frames",
            "asks for frame {} of a clip of {} (counted from 0).", last,
            spec.clip_frames);
  refuse_if(spec.cross_bias && spec.motion_grid == std::array{1, 1}, locate,
            "cross_bias", "needs more than one motion place (motion_grid).");
}

}  // namespace config_detail

void validate(RunConfig const& config, std::string const& name) {
  config_detail::check(config, config_detail::after_name(name));
}

void validate(ModelConfig const& config, std::string const& name) {
  config_detail::check(config, config_detail::after_name(name));
}

void validate(FusionSpec const& spec, std::string const& name) {
  config_detail::check(spec, config_detail::after_name(name));
}

void validate_for_training(RunConfig const& config, std::string const& name) {
  auto const locate = config_detail::after_name(name);
  validate(config, name);
  config_detail::refuse_if(
      config.data.train.empty(), locate, "data.train",
      "is not set. Try the path of a clips.h5 or features.h5.");
  config_detail::refuse_if(
      config.data.val.empty(), locate, "data.val",
      "is not set. Try the path of a clips.h5 or features.h5.");
}

}  // namespace gasm
