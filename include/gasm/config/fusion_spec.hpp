// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gasm/config/field.hpp"
#include "gasm/config/fusion_config.hpp"

namespace gasm {

/// Everything that decides a fusion model's parameters and arithmetic: shapes
/// of both incoming streams and the fusion itself, in one flat struct. It is
/// the `model.json` of a specification case, key for key, and graph_edges,
/// graph_attention, cross_bias_start, pool_heads and drop_path_schedule beyond
/// it.
///
/// Symbols: S = semantic_frames.size(), N = product of semantic_grid,
/// M = motion_segments, P = product of motion_grid. The model takes
/// semantic [B, S, N, semantic_dim] and motion [B, M, P, motion_dim].
struct FusionSpec {
  int num_classes = 174;
  int semantic_dim = 768;
  std::array<int, 2> semantic_grid = {14, 14};
  std::vector<int> semantic_frames = {8};
  int semantic_width = 0;  ///< 0: keep semantic_dim
  int motion_dim = 512;
  int motion_segments = 8;
  std::array<int, 2> motion_grid = {1, 1};
  int motion_width = 0;  ///< 0: keep motion_dim
  int clip_frames = 16;
  int graph_layers = 1;
  int graph_heads = 8;
  int graph_semantic_topk = 8;
  int graph_motion_topk = 2;
  int graph_sim_dim = 64;
  GraphEdges graph_edges = GraphEdges::learned;
  GraphForm graph_attention = GraphForm::automatic;
  FusionKind fusion = FusionKind::bcast;
  int fusion_layers = 3;
  int fusion_dim = 256;
  int fusion_heads = 8;
  FusionWindow window = FusionWindow::global;
  bool cross_bias = false;
  double cross_bias_start = 0.25;
  FusionPool pool = FusionPool::mean;
  int pool_heads = 8;
  Standardise standardise = Standardise::fixed;
  double ffn_ratio = 1.0;
  double dropout = 0.0;
  double drop_path = 0.0;
  DropPathSchedule drop_path_schedule = DropPathSchedule::constant;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    Limits const width = between(0, 65536), size = between(1, 65536);
    v.field("num_classes", self.num_classes, "Classes.", between(1, 1 << 20));
    v.field("semantic_dim", self.semantic_dim, "Incoming channels.", size);
    v.field("semantic_grid", self.semantic_grid, "[rows, columns].", size);
    v.field("semantic_frames", self.semantic_frames, "Clip frame of each map.",
            at_least(0).each(1, 1024));
    v.field("semantic_width", self.semantic_width, "0: keep.", width);
    v.field("motion_dim", self.motion_dim, "Incoming channels.", size);
    v.field("motion_segments", self.motion_segments, "Steps in time.", size);
    v.field("motion_grid", self.motion_grid, "[rows, columns].", size);
    v.field("motion_width", self.motion_width, "0: keep.", width);
    v.field("clip_frames", self.clip_frames, "Frames of a clip.", size);
    v.field("graph_layers", self.graph_layers, "0: none.", between(0, 64));
    v.field("graph_heads", self.graph_heads, "Attention heads.", size);
    v.field("graph_semantic_topk", self.graph_semantic_topk, "Similar patches.",
            width);
    v.field("graph_motion_topk", self.graph_motion_topk, "Similar segments.",
            width);
    v.field("graph_sim_dim", self.graph_sim_dim, "Similarity width.", size);
    v.field("graph_edges", self.graph_edges, "Choice of the similar nodes.");
    v.field("graph_attention", self.graph_attention, "Form of the arithmetic.");
    v.field("fusion", self.fusion, "Kind of the model.");
    v.field("fusion_layers", self.fusion_layers, "Layers.", between(0, 64));
    v.field("fusion_dim", self.fusion_dim, "Bottleneck or common width.", size);
    v.field("fusion_heads", self.fusion_heads, "Attention heads.", size);
    v.field("window", self.window, "Visibility between the streams.");
    v.field("cross_bias", self.cross_bias, "Distance penalty.");
    v.field("cross_bias_start", self.cross_bias_start, "Its first gain.",
            between(0, 100));
    v.field("pool", self.pool, "Pooling before the head.");
    v.field("pool_heads", self.pool_heads, "Heads of pool: attention.", size);
    v.field("standardise", self.standardise, "Scaling of the input.");
    v.field("ffn_ratio", self.ffn_ratio, "Hidden / width.", between(0.001, 64));
    v.field("dropout", self.dropout, "Probability.", below(1));
    v.field("drop_path", self.drop_path, "Probability.", below(1));
    v.field("drop_path_schedule", self.drop_path_schedule, "Over depth.");
  }
};

/// A FusionSpec from JSON or YAML text; absent keys keep their defaults.
/// Strict as parse_config (run_config.hpp), and checked by validate().
FusionSpec parse_fusion_spec(std::string_view text, std::string const& name,
                             std::span<std::string const> overrides = {});

/// Throws usage_error if the fields contradict each other: heads that do not
/// divide their width, a frame outside of the clip, a bias without places, a
/// frozen graph on a learned scaling.
void validate(FusionSpec const& spec, std::string const& name = "fusion");

}  // namespace gasm
