// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>

#include "gasm/config/field.hpp"

namespace gasm {

enum class FusionKind { bcast, cross, concat, late, semantic, motion };
constexpr auto choices(FusionKind) {
  return std::array{Choice{FusionKind::bcast, "bcast"},
                    Choice{FusionKind::cross, "cross"},
                    Choice{FusionKind::concat, "concat"},
                    Choice{FusionKind::late, "late"},
                    Choice{FusionKind::semantic, "semantic"},
                    Choice{FusionKind::motion, "motion"}};
}

enum class FusionWindow { global, aligned };
constexpr auto choices(FusionWindow) {
  return std::array{Choice{FusionWindow::global, "global"},
                    Choice{FusionWindow::aligned, "aligned"}};
}

enum class FusionPool { mean, time_concat, attention };
constexpr auto choices(FusionPool) {
  return std::array{Choice{FusionPool::mean, "mean"},
                    Choice{FusionPool::time_concat, "time_concat"},
                    Choice{FusionPool::attention, "attention"}};
}

enum class Standardise { fixed, batchnorm };
constexpr auto choices(Standardise) {
  return std::array{Choice{Standardise::fixed, "fixed"},
                    Choice{Standardise::batchnorm, "batchnorm"}};
}

/// Where the similar nodes of a graph come from.
enum class GraphEdges { learned, frozen };
constexpr auto choices(GraphEdges) {
  return std::array{Choice{GraphEdges::learned, "learned"},
                    Choice{GraphEdges::frozen, "frozen"}};
}

/// How attention along edges is computed.
enum class GraphForm { automatic, dense, gather };
constexpr auto choices(GraphForm) {
  return std::array{Choice{GraphForm::automatic, "auto"},
                    Choice{GraphForm::dense, "dense"},
                    Choice{GraphForm::gather, "gather"}};
}

/// Graph attention inside each stream, before the fusion.
struct GraphConfig {
  int layers = 1;
  int heads = 8;
  int semantic_topk = 8;
  int motion_topk = 2;
  int sim_dim = 64;
  GraphEdges edges = GraphEdges::learned;
  GraphForm attention = GraphForm::automatic;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("layers", self.layers, "Graph blocks of each stream; 0: none.",
            between(0, 64));
    v.field("heads", self.heads,
            "Attention heads; divide the width of each stream.",
            between(1, 1024));
    v.field("semantic_topk", self.semantic_topk,
            "Most similar patches a patch sees besides its 8 neighbours.",
            between(0, 65536));
    v.field("motion_topk", self.motion_topk,
            "Most similar segments a segment sees besides the two next to it.",
            between(0, 65536));
    v.field("sim_dim", self.sim_dim,
            "edges: learned only: channels in which similarity is measured.",
            between(1, 65536));
    v.field("edges", self.edges,
            "learned: each layer measures similarity by a projection of its "
            "own. frozen: one graph for all layers, by the cosine of the "
            "standardised features; needs standardise: fixed.");
    v.field("attention", self.attention,
            "The same numbers either way. dense: over all pairs, masked. "
            "gather: over the edges alone. auto: the faster of the two.");
  }
};

/// Of the probability to drop a branch, over the depth of a model.
enum class DropPathSchedule { constant, linear };
constexpr auto choices(DropPathSchedule) {
  return std::array{Choice{DropPathSchedule::constant, "constant"},
                    Choice{DropPathSchedule::linear, "linear"}};
}

struct FusionConfig {
  FusionKind kind = FusionKind::bcast;
  int layers = 3;
  int dim = 256;
  int heads = 8;
  FusionWindow window = FusionWindow::global;
  double ffn_ratio = 1.0;
  bool cross_bias = false;
  double cross_bias_start = 0.25;
  FusionPool pool = FusionPool::mean;
  int pool_heads = 8;
  Standardise standardise = Standardise::fixed;
  std::optional<std::string> statistics;
  int semantic_width = 0;
  int motion_width = 0;
  double dropout = 0.0;
  double drop_path = 0.0;
  DropPathSchedule drop_path_schedule = DropPathSchedule::constant;
  GraphConfig graph;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("kind", self.kind,
            "bcast: bottleneck cross-attention. cross: full-width "
            "cross-attention. concat: pooled streams side by side. late: sum "
            "of two heads. semantic, motion: one stream alone.");
    v.field("layers", self.layers, "Layers of bcast or cross.", between(0, 64));
    v.field("dim", self.dim,
            "Width of the bottleneck (bcast) or of both streams (cross).",
            between(1, 65536));
    v.field("heads", self.heads, "Attention heads; divide dim.",
            between(1, 1024));
    v.field("window", self.window,
            "global: every token sees the whole other stream. aligned: only "
            "the matching place or time.");
    v.field("ffn_ratio", self.ffn_ratio,
            "Hidden channels of a feed-forward network, per channel.",
            between(0.001, 64));
    v.field("cross_bias", self.cross_bias,
            "Learned penalty on the distance between places. Needs more than "
            "one motion place.");
    v.field("cross_bias_start", self.cross_bias_start,
            "Penalty of each head at first, per square of a patch's side.",
            between(0, 100));
    v.field("pool", self.pool,
            "mean: over all tokens. time_concat: over places, steps in time "
            "side by side. attention: weighted by a learned query.");
    v.field("pool_heads", self.pool_heads,
            "pool: attention only: its heads; divide the width of each "
            "stream.",
            between(1, 1024));
    v.field("standardise", self.standardise,
            "Scaling of the incoming features. fixed: mean and deviation "
            "travel with the weights. batchnorm: learned.");
    v.field("statistics", self.statistics,
            "standardise: fixed only: the features.h5 whose statistics it "
            "uses; null: that of data.train if it holds features, else mean 0 "
            "and deviation 1.");
    v.field("semantic_width", self.semantic_width,
            "Width to which the semantic stream is projected; 0: its own.",
            between(0, 65536));
    v.field("motion_width", self.motion_width,
            "Width to which the motion stream is projected; 0: its own.",
            between(0, 65536));
    v.field("dropout", self.dropout, "Probability of a dropped channel.",
            below(1));
    v.field("drop_path", self.drop_path,
            "Probability of a dropped residual branch, in graph blocks and "
            "layers of bcast.",
            below(1));
    v.field("drop_path_schedule", self.drop_path_schedule,
            "constant: the same in all blocks. linear: from 0 in the first "
            "block of a stream to drop_path in its last (graph blocks, then "
            "layers of bcast).");
    v.section("graph", self.graph, "Graph attention inside each stream.");
  }
};

}  // namespace gasm
