// SPDX-License-Identifier: Apache-2.0
#include "gasm/config/fusion_spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char const* model_json = R"({
 "num_classes": 5,
 "semantic_dim": 24,
 "semantic_grid": [
  3,
  4
 ],
 "semantic_frames": [
  2,
  8
 ],
 "semantic_width": 0,
 "motion_dim": 16,
 "motion_segments": 4,
 "motion_grid": [2, 2],
 "motion_width": 8,
 "clip_frames": 16,
 "graph_layers": 2,
 "graph_heads": 4,
 "graph_semantic_topk": 3,
 "graph_motion_topk": 1,
 "graph_sim_dim": 6,
 "graph_edges": "frozen",
 "graph_attention": "gather",
 "fusion": "bcast",
 "fusion_layers": 2,
 "fusion_dim": 12,
 "fusion_heads": 3,
 "window": "aligned",
 "cross_bias": true,
 "pool": "attention",
 "pool_heads": 2,
 "standardise": "fixed",
 "ffn_ratio": 1.5,
 "dropout": 0.25,
 "drop_path": 0.125,
 "drop_path_schedule": "linear"
})";

TEST(FusionSpec, ReadsEveryKeyOfAModelJson) {
  auto const spec = parse_fusion_spec(model_json, "model.json");
  EXPECT_EQ(spec.num_classes, 5);
  EXPECT_EQ(spec.semantic_dim, 24);
  EXPECT_THAT(spec.semantic_grid, ElementsAre(3, 4));
  EXPECT_THAT(spec.semantic_frames, ElementsAre(2, 8));
  EXPECT_EQ(spec.motion_dim, 16);
  EXPECT_EQ(spec.motion_segments, 4);
  EXPECT_THAT(spec.motion_grid, ElementsAre(2, 2));
  EXPECT_EQ(spec.motion_width, 8);
  EXPECT_EQ(spec.graph_layers, 2);
  EXPECT_EQ(spec.graph_heads, 4);
  EXPECT_EQ(spec.graph_semantic_topk, 3);
  EXPECT_EQ(spec.graph_motion_topk, 1);
  EXPECT_EQ(spec.graph_sim_dim, 6);
  EXPECT_EQ(spec.graph_edges, GraphEdges::frozen);
  EXPECT_EQ(spec.graph_attention, GraphForm::gather);
  EXPECT_EQ(spec.fusion, FusionKind::bcast);
  EXPECT_EQ(spec.fusion_layers, 2);
  EXPECT_EQ(spec.fusion_dim, 12);
  EXPECT_EQ(spec.fusion_heads, 3);
  EXPECT_EQ(spec.window, FusionWindow::aligned);
  EXPECT_TRUE(spec.cross_bias);
  EXPECT_EQ(spec.pool, FusionPool::attention);
  EXPECT_EQ(spec.pool_heads, 2);
  EXPECT_EQ(spec.standardise, Standardise::fixed);
  EXPECT_EQ(spec.ffn_ratio, 1.5);
  EXPECT_EQ(spec.dropout, 0.25);
  EXPECT_EQ(spec.drop_path, 0.125);
  EXPECT_EQ(spec.drop_path_schedule, DropPathSchedule::linear);
}

std::string complaint(std::string const& text) {
  try {
    parse_fusion_spec(text, "model.json");
  } catch (Error const& e) {
    return e.what();
  }
  return "";
}

TEST(FusionSpec, IsStrict) {
  EXPECT_EQ(complaint("{\"fusion\": \"bcast\",\n \"fusion_hedas\": 4}"),
            "model.json:2:2: there is no key fusion_hedas. Did you mean "
            "fusion_heads?");
  EXPECT_THAT(complaint("{\"fusion\": \"brcast\"}"),
              StartsWith("model.json:1:12: fusion must be one of"));
  EXPECT_THAT(complaint("{\"fusion_heads\": \"4\"}"), HasSubstr("quoted"));
}

TEST(FusionSpec, ContradictionsAreRefused) {
  EXPECT_THAT(complaint("{\"fusion_heads\": 7}"),
              HasSubstr("fusion_heads is 7 and does not divide fusion_dim"));
  EXPECT_THAT(complaint("{\"motion_dim\": 12}"),
              HasSubstr("does not divide the motion width (12)"));
  EXPECT_THAT(complaint("{\"fusion\": \"cross\", \"fusion_dim\": 12, "
                        "\"fusion_heads\": 3}"),
              HasSubstr("graph_heads is 8"));
  EXPECT_THAT(complaint("{\"semantic_frames\": [16]}"),
              HasSubstr("frame 16 of a clip of 16"));
  EXPECT_THAT(complaint("{\"pool\": \"attention\", \"pool_heads\": 5}"),
              HasSubstr("pool_heads is 5 and does not divide the semantic"));
  EXPECT_THAT(complaint("{\"graph_edges\": \"frozen\", "
                        "\"standardise\": \"batchnorm\"}"),
              HasSubstr("graph_edges is frozen"));
  EXPECT_EQ(complaint("{\"graph_edges\": \"frozen\", \"graph_layers\": 0, "
                      "\"standardise\": \"batchnorm\"}"),
            "");
  EXPECT_THAT(complaint("{\"cross_bias\": true}"),
              HasSubstr("more than one motion place"));
  EXPECT_EQ(complaint("{\"fusion\": \"semantic\", \"motion_dim\": 3}"), "");
}

}  // namespace
}  // namespace gasm
