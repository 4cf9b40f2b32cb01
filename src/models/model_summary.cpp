// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/model_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "gasm/models/graph_attention.hpp"
#include "gasm/models/named_tensors.hpp"

namespace gasm {
namespace {

double product(Size3 const& size) {
  return static_cast<double>(size[0]) * static_cast<double>(size[1]) *
         static_cast<double>(size[2]);
}

double real(std::int64_t n) { return static_cast<double>(n); }

/// One residual block that takes `in` channels of size `before` to `after`.
double block_macs(std::int64_t in, I3dStage const& stage, std::int64_t kernel,
                  std::int64_t stride, Size3 const& before,
                  Size3 const& after) {
  double const places = product(after), inner = real(stage.inner);
  double macs = product(before) * real(in) * inner * real(kernel);
  macs += places * inner * inner * 9.0 + places * inner * real(stage.outer);
  if (in != stage.outer || stride != 1)
    macs += places * real(in) * real(stage.outer);
  return macs;
}

/// Sizes of a stream of a fusion model as real numbers.
struct Tokens {
  double count, graphs, nodes, dim_in, dim;
  double seen;  ///< nodes that attention reads for each node
};

double graph_macs(Tokens const& t, FusionSpec const& spec) {
  bool const is_frozen = spec.graph_edges == GraphEdges::frozen;
  double const hidden = std::nearbyint(t.dim * spec.ffn_ratio);
  double const pairs = t.graphs * t.nodes * t.nodes;
  double const similarity =
      is_frozen ? 0.0 : (t.count * t.dim + pairs) * spec.graph_sim_dim;
  double const attention =
      4.0 * t.count * t.dim * t.dim + 2.0 * t.count * t.seen * t.dim;
  double const once =
      is_frozen && spec.graph_layers > 0 ? pairs * t.dim_in : 0.0;
  return once + spec.graph_layers *
                    (similarity + attention + 2.0 * t.count * t.dim * hidden);
}

/// Nodes that attention reads for each node of a graph on that grid.
double nodes_seen(std::vector<std::int64_t> const& grid, int topk,
                  FusionSpec const& spec) {
  std::int64_t const k = list_length(spec.graph_attention, grid, topk);
  double all = 1.0;
  for (std::int64_t n : grid) all *= real(n);
  return k > 0 ? real(k) : all;
}

/// Pooling of a stream, and its part of the head.
double head_macs(Tokens const& t, double steps, FusionSpec const& spec) {
  double const head = t.dim * spec.num_classes;
  switch (spec.pool) {
    case FusionPool::mean:
      return head;
    case FusionPool::time_concat:
      return steps * head;
    case FusionPool::attention:
      break;
  }
  return head + 2.0 * t.dim * t.dim + 2.0 * t.count * t.dim * spec.pool_heads;
}

double stream_macs(Tokens const& t, FusionSpec const& spec) {
  double const input = t.dim == t.dim_in ? 0.0 : t.count * t.dim_in * t.dim;
  return input + graph_macs(t, spec);
}

/// Both directions, and the FFN of each stream.
double fusion_layer_macs(Tokens const& s, Tokens const& m,
                         FusionSpec const& spec) {
  double const r = spec.fusion_dim;
  double macs = 4.0 * (s.count + m.count) * r * r + 4.0 * s.count * m.count * r;
  for (Tokens const* t : {&s, &m}) {
    if (spec.fusion == FusionKind::bcast) macs += 2.0 * t->count * t->dim * r;
    macs += 2.0 * t->count * t->dim * std::nearbyint(t->dim * spec.ffn_ratio);
  }
  return macs;
}

double width_of(int common, int own, int dim_in) {
  return common ? common : own ? own : dim_in;
}

ModelPart part_of(std::string const& name) {
  constexpr std::array kPrefixes = {
      std::pair{"timesformer.classifier.", ModelPart::fusion},
      std::pair{"timesformer.", ModelPart::timesformer},
      std::pair{"semantic_backbone.", ModelPart::semantic_backbone},
      std::pair{"motion_backbone.", ModelPart::motion_backbone},
      std::pair{"clip.", ModelPart::clip},
      std::pair{"videomae.", ModelPart::videomae}};
  for (auto const& [prefix, part] : kPrefixes)
    if (name.starts_with(prefix)) return part;
  return ModelPart::fusion;
}

/// How much is frozen, and how that is against the aims.
std::string frozen_text(PartSummary const& total) {
  constexpr double kLeastFrozen_percent = 85.0;
  constexpr std::int64_t kMostTrainable = 20'000'000;
  double const frozen_percent =
      100.0 * real(total.parameters - total.trainable) / real(total.parameters);
  auto const verdict = [](bool is_met) { return is_met ? "yes" : "no"; };
  return fmt::format(
      "{:.2f} % frozen (at least {:.0f} %: {}), {:.2f} M trainable (fewer than "
      "{} M: {})\n",
      frozen_percent, kLeastFrozen_percent,
      verdict(frozen_percent >= kLeastFrozen_percent),
      1e-6 * real(total.trainable), kMostTrainable / 1'000'000,
      verdict(total.trainable < kMostTrainable));
}

std::string grouped(std::int64_t n) {
  std::string digits = std::to_string(n);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0;
       at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

}  // namespace

double vit_macs(VitOptions const& options, std::int64_t height_px,
                std::int64_t width_px, std::int64_t num_frames) {
  std::int64_t const tubelet = std::max<std::int64_t>(options.tubelet, 1);
  double const patches = real(num_frames / tubelet) *
                         real(height_px / options.patch_px) *
                         real(width_px / options.patch_px);
  double const tokens =
      patches + (options.has_cls ? 1.0 : 0.0) + real(options.registers);
  double const d = real(options.width), p = real(options.patch_px);
  double const matrices = options.ffn == FfnKind::swiglu ? 3.0 : 2.0;
  double const block = 4.0 * tokens * d * d + 2.0 * tokens * tokens * d +
                       matrices * tokens * d * real(options.ffn_width);
  return patches * 3.0 * real(tubelet) * p * p * d +
         real(options.depth) * block;
}

double i3d_macs(I3dOptions const& options, Size3 const& clip) {
  I3dSizes const sizes = i3d_sizes(options, clip);
  double macs = product(sizes.stem) * 3.0 * real(options.stem_width) *
                product(options.stem_kernel);
  Size3 size = sizes.stem_pool;
  std::int64_t width = options.stem_width;
  for (std::size_t i = 0; i < options.stages.size(); ++i) {
    I3dStage const& stage = options.stages[i];
    // Time shrinks between stages only.
    size[0] = sizes.stages[i][0];
    for (std::int64_t j = 0; j < stage.depth; ++j) {
      std::int64_t const kernel =
          stage.temporal_kernels[static_cast<std::size_t>(j) %
                                 stage.temporal_kernels.size()];
      macs +=
          block_macs(width, stage, kernel, j == 0 ? stage.spatial_stride : 1,
                     size, sizes.stages[i]);
      size = sizes.stages[i];
      width = stage.outer;
    }
  }
  if (options.num_classes > 0)
    macs += product(i3d_head_size(options, size)) * real(width) *
            real(options.num_classes);
  return macs;
}

double cast_macs(CastConfig const& config, std::int64_t num_frames,
                 std::int64_t num_classes) {
  double const d = config.width, a = adapter_width(config);
  double const r = bottleneck_width(config), frames = real(num_frames) / 2.0;
  double const places = real(config.resolution.height / config.patch) *
                        real(config.resolution.width / config.patch);
  double const patches = frames * places;
  double const tokens = 2.0 * patches + frames;  // of both streams, with CLS
  // Two adapters and the two sides of the bottleneck on every token.
  double const narrow = tokens * (4.0 * d * a + 2.0 * d * r);
  // Each direction: four square matrices, and two products in its windows.
  double const cross =
      2.0 * 4.0 * patches * r * r + 2.0 * patches * (frames + places) * r;
  return real(config.depth) * (narrow + cross) + 4.0 * d * a +
         d * real(num_classes);
}

double timesformer_macs(TimesformerOptions const& options, Size3 const& clip) {
  double const p = real(options.patch_px), d = real(options.width);
  double const places =
      real(clip[1] / options.patch_px) * real(clip[2] / options.patch_px);
  double const frames = real(clip[0]), patches = places * frames;
  // Each attention has four square matrices, the temporal one a fifth.
  double const time = patches * (5.0 * d * d + 2.0 * frames * d);
  double const space =
      (patches + frames) * (4.0 * d * d + 2.0 * (places + 1.0) * d);
  double const mlp = 2.0 * (patches + 1.0) * d * real(options.ffn_width);
  return patches * 3.0 * p * p * d +
         real(options.depth) * (time + space + mlp) +
         d * real(options.num_classes);
}

double fusion_macs(FusionSpec const& spec) {
  int const common = spec.fusion == FusionKind::cross ? spec.fusion_dim : 0;
  double const steps = real(std::ssize(spec.semantic_frames));
  double const patches = real(spec.semantic_grid[0]) * spec.semantic_grid[1];
  double const cells = real(spec.motion_grid[0]) * spec.motion_grid[1];
  Tokens const s = {steps * patches,
                    steps,
                    patches,
                    real(spec.semantic_dim),
                    width_of(common, spec.semantic_width, spec.semantic_dim),
                    nodes_seen({spec.semantic_grid[0], spec.semantic_grid[1]},
                               spec.graph_semantic_topk, spec)};
  Tokens const m = {
      spec.motion_segments * cells,
      cells,
      real(spec.motion_segments),
      real(spec.motion_dim),
      width_of(common, spec.motion_width, spec.motion_dim),
      nodes_seen({spec.motion_segments}, spec.graph_motion_topk, spec)};
  double macs = 0.0;
  if (spec.fusion != FusionKind::motion)
    macs += stream_macs(s, spec) + head_macs(s, steps, spec);
  if (spec.fusion != FusionKind::semantic)
    macs += stream_macs(m, spec) + head_macs(m, m.nodes, spec);
  if (spec.fusion == FusionKind::bcast || spec.fusion == FusionKind::cross)
    macs += spec.fusion_layers * fusion_layer_macs(s, m, spec);
  return macs;
}

std::vector<PartSummary> describe(Recogniser& model) {
  std::vector<PartSummary> parts = model.parts();
  PartSummary total;
  total.name = "total";
  for (PartSummary const& part : parts) {
    total.parameters += part.parameters;
    total.trainable += part.trainable;
    total.macs += part.macs;
  }
  parts.push_back(total);
  return parts;
}

std::string summary_text(std::vector<PartSummary> const& parts) {
  std::string text;
  for (PartSummary const& part : parts)
    text += fmt::format(
        "{:<18} {:>13} parameters ({} trainable), {:.3f} GMAC a clip\n",
        part.name, grouped(part.parameters), grouped(part.trainable),
        part.macs * 1e-9);
  return text + frozen_text(parts.back());
}

std::vector<ParameterInfo> parameter_groups(torch::nn::Module const& model) {
  std::vector<ParameterInfo> infos;
  for (auto const& [name, tensor] : named_tensors(model)) {
    if (!tensor.requires_grad()) continue;
    ParameterInfo info;
    info.name = name;
    info.parameter = tensor;
    if (tensor.dim() >= 2 && name.ends_with(".weight"))
      info.decay = WeightDecay::on;
    info.part = part_of(name);
    infos.push_back(std::move(info));
  }
  return infos;
}

}  // namespace gasm
