// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/gasm_cast.hpp"

#include <ATen/autocast_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "gasm/base/error.hpp"
#include "gasm/models/forward.hpp"
#include "gasm/models/fusion_layers.hpp"
#include "gasm/models/named_tensors.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

FusionSpec small_spec(FusionKind kind = FusionKind::bcast) {
  FusionSpec spec;
  spec.num_classes = 5;
  spec.semantic_dim = 8;
  spec.semantic_grid = {2, 3};
  spec.semantic_frames = {1, 5};
  spec.motion_dim = 12;
  spec.motion_segments = 4;
  spec.motion_grid = {1, 2};
  spec.clip_frames = 8;
  spec.graph_heads = 2;
  spec.graph_semantic_topk = 2;
  spec.graph_motion_topk = 1;
  spec.graph_sim_dim = 4;
  spec.fusion = kind;
  spec.fusion_layers = 2;
  spec.fusion_dim = 8;
  spec.fusion_heads = 2;
  return spec;
}

at::Tensor semantic_input() { return torch::randn({3, 2, 6, 8}); }
at::Tensor motion_input() { return torch::randn({3, 4, 2, 12}); }

std::set<std::string> names_of(GasmCast const& model) {
  std::set<std::string> names;
  for (auto const& [name, tensor] : named_tensors(model)) names.insert(name);
  return names;
}

TEST(GasmCast, BcastHasTheSpecifiedNames) {
  FusionSpec spec = small_spec();
  spec.fusion_layers = 1;
  spec.cross_bias = true;
  spec.semantic_width = 4;
  std::set<std::string> wanted;
  auto const pair = [&](std::string const& name) {
    wanted.insert(name + ".weight");
    wanted.insert(name + ".bias");
  };
  for (std::string const stream : {"semantic", "motion"}) {
    for (auto const* leaf : {"mean", "std", "pos_time", "pos_space"})
      wanted.insert(stream + "." + leaf);
    std::string const block = stream + ".graph.0.";
    for (auto const* leaf : {"attn.norm", "attn.q", "attn.k", "attn.v",
                             "attn.o", "norm", "ffn.fc1", "ffn.fc2"})
      pair(block + leaf);
    for (auto const* leaf : {"attn.sim.weight", "attn.type_bias",
                             "attn.rel_bias", "attn.sim_gain"})
      wanted.insert(block + leaf);
  }
  pair("semantic.input");
  for (std::string const s : {"s", "m"}) {
    for (auto const* leaf : {"down_", "norm_", "up_", "ffn_norm_"})
      pair("fusion.0." + (leaf + s));
    pair("fusion.0.ffn_" + s + ".fc1");
    pair("fusion.0.ffn_" + s + ".fc2");
    wanted.insert("fusion.0.pos_" + s);
    pair("norm_" + s);
  }
  for (std::string const way : {"s_from_m", "m_from_s"}) {
    for (auto const* leaf : {".q", ".k", ".v", ".o"})
      pair("fusion.0." + way + leaf);
    wanted.insert("fusion.0." + way + ".pos_gain");
  }
  pair("head");
  EXPECT_EQ(names_of(GasmCast(spec)), wanted);
}

TEST(GasmCast, BatchNormReplacesFixedStatistics) {
  FusionSpec spec = small_spec(FusionKind::motion);
  spec.standardise = Standardise::batchnorm;
  auto const names = names_of(GasmCast(spec));
  for (auto const* leaf :
       {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"})
    EXPECT_TRUE(names.count(std::string("motion.standard.") + leaf)) << leaf;
  EXPECT_FALSE(names.count("motion.mean"));
  EXPECT_FALSE(names.count("semantic.pos_time"));
  EXPECT_FALSE(names.count("norm_s.weight"));
}

TEST(GasmCast, DropPathIsLinearOverTheBlocksOfAStream) {
  FusionSpec spec = small_spec();
  spec.graph_layers = 2;
  spec.fusion_layers = 3;
  spec.drop_path = 0.4;
  for (int depth = 0; depth < 5; ++depth) {
    spec.drop_path_schedule = DropPathSchedule::linear;
    EXPECT_NEAR(spec_at_depth(spec, depth).drop_path, 0.1 * depth, 1e-12);
    spec.drop_path_schedule = DropPathSchedule::constant;
    EXPECT_EQ(spec_at_depth(spec, depth).drop_path, 0.4);
  }
  spec.drop_path_schedule = DropPathSchedule::linear;
  spec.fusion = FusionKind::late;  // graph blocks alone
  EXPECT_EQ(spec_at_depth(spec, 0).drop_path, 0.0);
  EXPECT_EQ(spec_at_depth(spec, 1).drop_path, 0.4);
  spec.graph_layers = 1;
  EXPECT_EQ(spec_at_depth(spec, 0).drop_path, 0.4);
}

TEST(GasmCast, TheLastBlockDropsMostAndTheFirstNever) {
  FusionSpec spec = small_spec();
  spec.drop_path = 1.0 - 1e-9;  // the last block always drops
  spec.drop_path_schedule = DropPathSchedule::linear;
  torch::manual_seed(6);
  GasmCast model(spec);
  auto const redraw = [&](std::string const& prefix) {
    at::NoGradGuard const no_grad;
    for (auto& parameter : model.named_parameters())
      if (parameter.key().starts_with(prefix)) parameter.value().normal_();
  };
  redraw("");
  at::Tensor const s = semantic_input(), m = motion_input();
  auto const run = [&] {
    torch::manual_seed(7);
    return model.forward(s, m);
  };
  model.train();
  at::Tensor const before = run();
  redraw("fusion.1.");
  EXPECT_TRUE(at::equal(run(), before));
  redraw("semantic.graph.0.");
  EXPECT_FALSE(at::allclose(run(), before, 1e-2, 1e-2));
  model.eval();
  at::Tensor const whole = run();
  redraw("fusion.1.");
  EXPECT_FALSE(at::allclose(run(), whole, 1e-2, 1e-2));
}

class EveryKind : public testing::TestWithParam<FusionKind> {};

TEST_P(EveryKind, GivesLogitsAndAGradientToEveryParameter) {
  torch::manual_seed(2);
  FusionSpec spec = small_spec(GetParam());
  spec.dropout = 0.1;
  spec.drop_path = 0.1;
  spec.pool = FusionPool::time_concat;
  GasmCast model(spec);
  {
    at::NoGradGuard const no_grad;
    for (auto& parameter : model.parameters())
      parameter.add_(0.1 * torch::randn_like(parameter));
  }
  at::Tensor const logits = model.forward(semantic_input(), motion_input());
  EXPECT_EQ(logits.sizes(), (std::vector<std::int64_t>{3, 5}));
  logits.square().sum().backward();
  for (auto const& parameter : model.named_parameters())
    EXPECT_TRUE(parameter.value().grad().defined()) << parameter.key();
}

TEST_P(EveryKind, IsTheSameTwice) {
  FusionSpec spec = small_spec(GetParam());
  spec.dropout = 0.3;
  auto const run = [&] {
    torch::manual_seed(11);
    GasmCast model(spec);
    at::Tensor const s = semantic_input(), m = motion_input();
    torch::manual_seed(12);
    return model.forward(s, m);
  };
  EXPECT_TRUE(at::equal(run(), run()));
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryKind,
                         testing::Values(FusionKind::bcast, FusionKind::cross,
                                         FusionKind::concat, FusionKind::late,
                                         FusionKind::semantic,
                                         FusionKind::motion));

/// One choice of every option that may be combined with any kind.
struct Options {
  FusionWindow window;
  FusionPool pool;
  Standardise standardise;
  GraphEdges edges;
  GraphForm form;
  int graph_layers;
};

std::vector<Options> all_options() {
  std::vector<Options> all;
  for (auto const& pool : choices(FusionPool{}))
    all.push_back({FusionWindow::global, pool.value, Standardise::batchnorm,
                   GraphEdges::frozen, GraphForm::automatic, 0});
  for (auto const& window : choices(FusionWindow{}))
    for (auto const& pool : choices(FusionPool{}))
      for (auto const& standardise : choices(Standardise{}))
        for (auto const& edges : choices(GraphEdges{}))
          for (auto const& form : choices(GraphForm{}))
            all.push_back({window.value, pool.value, standardise.value,
                           edges.value, form.value, 2});
  return all;
}

FusionSpec with_options(FusionKind kind, Options const& options) {
  FusionSpec spec = small_spec(kind);
  spec.window = options.window;
  spec.pool = options.pool;
  spec.pool_heads = 4;
  spec.standardise = options.standardise;
  spec.graph_edges = options.edges;
  spec.graph_attention = options.form;
  spec.graph_layers = options.graph_layers;
  return spec;
}

TEST_P(EveryKind, BuildsAndLearnsWithEveryCombinationOfOptions) {
  torch::manual_seed(2);
  at::Tensor const s = semantic_input(), m = motion_input();
  for (Options const& options : all_options()) {
    FusionSpec const spec = with_options(GetParam(), options);
    bool const is_refused = options.graph_layers > 0 &&
                            options.edges == GraphEdges::frozen &&
                            options.standardise == Standardise::batchnorm;
    if (is_refused) {
      EXPECT_THROW(GasmCast{spec}, Error);
      continue;
    }
    GasmCast model(spec);
    at::Tensor const logits = model.forward(s, m);
    ASSERT_EQ(logits.sizes(), (std::vector<std::int64_t>{3, 5}));
    logits.square().sum().backward();
    for (auto const& parameter : model.named_parameters()) {
      at::Tensor const grad = parameter.value().grad();
      ASSERT_TRUE(grad.defined()) << parameter.key();
      ASSERT_TRUE(at::isfinite(grad).all().item<bool>()) << parameter.key();
    }
  }
}

TEST_P(EveryKind, TakesFourEightAndSixteenHeads) {
  torch::manual_seed(2);
  for (int const heads : {4, 8, 16}) {
    FusionSpec spec = small_spec(GetParam());
    spec.semantic_width = spec.motion_width = spec.fusion_dim = 32;
    spec.graph_heads = spec.fusion_heads = spec.pool_heads = heads;
    spec.pool = FusionPool::attention;
    GasmCast model(spec);
    model.forward(semantic_input(), motion_input()).sum().backward();
    spec.pool_heads = 5;
    EXPECT_THROW(GasmCast{spec}, Error);
  }
}

TEST(GasmCast, LayersShareAFrozenGraphOfTheInput) {
  torch::manual_seed(2);
  FusionSpec spec = small_spec(FusionKind::semantic);
  spec.graph_edges = GraphEdges::frozen;
  spec.graph_layers = 2;
  GasmCast model(spec);
  model.eval();
  at::Tensor const s = semantic_input();
  Trace trace;
  model.forward(s, {}, &trace);
  at::Tensor const first = trace.at("semantic.graph.0.edges");
  EXPECT_TRUE(at::equal(first, trace.at("semantic.graph.1.edges")));
  // Of the input alone, whatever was learned.
  {
    at::NoGradGuard const no_grad;
    for (auto& parameter : model.parameters()) parameter.normal_();
  }
  model.forward(s, {}, &trace);
  EXPECT_TRUE(at::equal(first, trace.at("semantic.graph.0.edges")));
  // By directions, not lengths: after the statistics were taken away.
  model.semantic()->set_statistics(at::full({8}, 3.0), at::full({8}, 2.0));
  model.forward(2.0 * s + 3.0, {}, &trace);
  EXPECT_TRUE(at::equal(first, trace.at("semantic.graph.0.edges")));
}

TEST(GasmCast, FusionLayersStartAsTheIdentityOfAttention) {
  // With zero up projections the attention of a stream leaves no mark: what
  // the semantic stream becomes does not depend on the motion stream.
  torch::manual_seed(4);
  GasmCast model(small_spec());
  model.eval();
  Trace first, second;
  at::Tensor const s = semantic_input();
  model.forward(s, motion_input(), &first);
  model.forward(s, motion_input(), &second);
  EXPECT_TRUE(
      at::equal(first.at("semantic_pooled"), second.at("semantic_pooled")));
  EXPECT_FALSE(
      at::equal(first.at("motion_pooled"), second.at("motion_pooled")));
}

TEST_P(EveryKind, InBfloat16StaysNear) {
  torch::manual_seed(6);
  for (GraphForm const form : {GraphForm::dense, GraphForm::gather}) {
    FusionSpec spec = small_spec(GetParam());
    spec.graph_attention = form;
    // A graph of the input: the same edges in either precision.
    spec.graph_edges = GraphEdges::frozen;
    GasmCast model(spec);
    at::Tensor const s = semantic_input(), m = motion_input();
    auto const gradient = [&](bool is_bf16) {
      model.zero_grad();
      at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
      at::autocast::set_autocast_enabled(at::kCPU, is_bf16);
      at::Tensor const logits = model.forward(s, m).to(at::kFloat);
      at::autocast::clear_cache();
      at::autocast::set_autocast_enabled(at::kCPU, false);
      logits.square().sum().backward();
      std::vector<at::Tensor> flat = {logits.detach().flatten()};
      for (auto const& parameter : model.parameters())
        flat.push_back(parameter.grad().flatten());
      return at::cat(flat);
    };
    at::Tensor const wanted = gradient(false), got = gradient(true);
    double const gap = ((got - wanted).norm() / wanted.norm()).item<double>();
    EXPECT_GT(gap, 0.0);
    EXPECT_LT(gap, 0.03);
  }
}

TEST(GasmCast, TimeConcatKeepsTheOrderOfSteps) {
  FusionSpec spec = small_spec(FusionKind::semantic);
  spec.graph_layers = 0;
  spec.pool = FusionPool::time_concat;
  GasmCast model(spec);
  model.eval();
  at::Tensor const s = semantic_input();
  Trace trace;
  model.forward(s, {}, &trace);
  at::Tensor const normed = at::layer_norm(s, {8}, {}, {}, 1e-5);
  at::Tensor const wanted = normed.mean(2).reshape({3, 16});
  EXPECT_TRUE(at::allclose(trace.at("semantic_pooled"), wanted, 1e-5, 1e-6));
}

TEST(GasmCast, LateIsTheSumOfTwoHeads) {
  torch::manual_seed(4);
  GasmCast model(small_spec(FusionKind::late));
  model.eval();
  Trace trace;
  at::Tensor const logits =
      model.forward(semantic_input(), motion_input(), &trace);
  auto p = model.named_parameters();
  at::Tensor const wanted = at::linear(trace.at("semantic_pooled"),
                                       p["head_s.weight"], p["head_s.bias"]) +
                            at::linear(trace.at("motion_pooled"),
                                       p["head_m.weight"], p["head_m.bias"]);
  EXPECT_TRUE(at::allclose(logits, wanted, 1e-5, 1e-6));
}

TEST(GasmCast, RefusesInputsOfTheWrongShape) {
  GasmCast model(small_spec());
  try {
    model.forward(torch::randn({3, 2, 7, 8}), motion_input());
    FAIL() << "no error";
  } catch (Error const& e) {
    EXPECT_THAT(e.what(), HasSubstr("semantic"));
    EXPECT_THAT(e.what(), HasSubstr("[3, 2, 7, 8]"));
    EXPECT_THAT(e.what(), HasSubstr("[B, 2, 6, 8]"));
  }
  EXPECT_THROW(model.forward(semantic_input(), {}), Error);
}

TEST(GasmCast, RefusesASpecThatCannotBeBuilt) {
  FusionSpec spec = small_spec();
  spec.fusion_heads = 3;
  EXPECT_THROW(GasmCast{spec}, Error);
}

TEST(RunForward, NamesItsOutputs) {
  FusionSpec const spec = small_spec();
  GasmCast model(spec);
  TensorMap weights;
  for (auto const& [name, tensor] : named_tensors(model))
    weights[name] = tensor;
  TensorMap const outputs = run_forward(
      spec, weights,
      {{"semantic", semantic_input()}, {"motion", motion_input()}}, "w");
  std::set<std::string> names;
  for (auto const& [name, tensor] : outputs) names.insert(name);
  EXPECT_EQ(names,
            (std::set<std::string>{
                "logits", "semantic_pooled", "motion_pooled",
                "trace.semantic.graph.0.edges", "trace.semantic.graph.0.weight",
                "trace.motion.graph.0.edges", "trace.motion.graph.0.weight",
                "trace.fusion.0.s_from_m", "trace.fusion.0.m_from_s",
                "trace.fusion.1.s_from_m", "trace.fusion.1.m_from_s"}));
  EXPECT_EQ(outputs.at("trace.semantic.graph.0.edges").scalar_type(),
            at::kLong);
  EXPECT_THROW(
      run_forward(spec, weights, {{"semantics", semantic_input()}}, "w"),
      Error);
  EXPECT_THROW(
      run_forward(spec, weights, {{"semantic", semantic_input()}}, "w"), Error);
}

}  // namespace
}  // namespace gasm
