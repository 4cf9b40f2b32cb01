// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/graph_attention.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "gasm/models/named_tensors.hpp"

namespace gasm {
namespace {

using Row = std::vector<std::int64_t>;

/// The layer as loops over nodes, in double precision.
class NaiveGraphAttention {
 public:
  NaiveGraphAttention(GraphAttention const& layer, std::int64_t heads,
                      Row const& grid, std::int64_t topk)
      : heads_(heads), grid_(grid), topk_(topk) {
    for (auto const& [name, tensor] : named_tensors(layer))
      w_[name] = tensor.detach().to(at::kDouble);
  }

  at::Tensor run(at::Tensor const& x) {
    at::Tensor const y = at::layer_norm(x, {x.size(-1)}, w_["norm.weight"],
                                        w_["norm.bias"], 1e-5);
    at::Tensor const q = linear("q", y), k = linear("k", y), v = linear("v", y);
    at::Tensor const s = at::matmul(y, w_["sim.weight"].t());
    at::Tensor mixed = at::zeros_like(x);
    for (std::int64_t i = 0; i < x.size(0); ++i) mix(i, q, k, v, s, mixed);
    return linear("o", mixed);
  }

 private:
  at::Tensor linear(std::string const& name, at::Tensor const& x) {
    return at::matmul(x, w_[name + ".weight"].t()) + w_[name + ".bias"];
  }

  static double cosine(at::Tensor const& a, at::Tensor const& b) {
    return (a.dot(b) / (a.norm() * b.norm())).item<double>();
  }

  std::int64_t column(std::int64_t i) const {
    return grid_.size() == 2 ? i % grid_[1] : 0;
  }
  std::int64_t line(std::int64_t i) const {
    return grid_.size() == 2 ? i / grid_[1] : i;
  }

  std::int64_t offset(std::int64_t i, std::int64_t j) const {
    std::int64_t const dy = line(j) - line(i) + grid_[0] - 1;
    if (grid_.size() == 1) return dy;
    return dy * (2 * grid_[1] - 1) + column(j) - column(i) + grid_[1] - 1;
  }

  std::vector<int> kinds(std::int64_t i, std::vector<double> const& like) {
    auto const n = static_cast<std::int64_t>(like.size());
    std::vector<int> kind(like.size(), -1);
    std::vector<std::int64_t> rest;
    for (std::int64_t j = 0; j < n; ++j) {
      std::int64_t const gap = std::max(std::abs(line(j) - line(i)),
                                        std::abs(column(j) - column(i)));
      if (gap > 1) rest.push_back(j);
      if (gap <= 1) kind[static_cast<std::size_t>(j)] = j == i ? 0 : 1;
    }
    std::sort(rest.begin(), rest.end(), [&](auto a, auto b) {
      return like[static_cast<std::size_t>(a)] >
             like[static_cast<std::size_t>(b)];
    });
    for (std::size_t r = 0; r < rest.size() && r < std::size_t(topk_); ++r)
      kind[static_cast<std::size_t>(rest[r])] = 2;
    return kind;
  }

  void mix(std::int64_t i, at::Tensor const& q, at::Tensor const& k,
           at::Tensor const& v, at::Tensor const& s, at::Tensor& mixed) {
    std::int64_t const n = q.size(0), d = q.size(1) / heads_;
    std::vector<double> like;
    for (std::int64_t j = 0; j < n; ++j) like.push_back(cosine(s[i], s[j]));
    std::vector<int> const kind = kinds(i, like);
    for (std::int64_t h = 0; h < heads_; ++h) {
      double total = 0.0;
      at::Tensor sum = at::zeros({d}, at::kDouble);
      for (std::int64_t j = 0; j < n; ++j) {
        auto const at_j = static_cast<std::size_t>(j);
        if (kind[at_j] < 0) continue;
        double const dot = q[i].narrow(0, h * d, d)
                               .dot(k[j].narrow(0, h * d, d))
                               .item<double>();
        double const logit = dot / std::sqrt(static_cast<double>(d)) +
                             w_["type_bias"][h][kind[at_j]].item<double>() +
                             w_["rel_bias"][h][offset(i, j)].item<double>() +
                             w_["sim_gain"][h].item<double>() * like[at_j];
        total += std::exp(logit);
        sum += std::exp(logit) * v[j].narrow(0, h * d, d);
      }
      mixed[i].narrow(0, h * d, d) = sum / total;
    }
  }

  std::int64_t heads_;
  Row grid_;
  std::int64_t topk_;
  TensorMap w_;
};

class GraphAttentionGrid : public testing::TestWithParam<Row> {};

TEST_P(GraphAttentionGrid, EqualsLoopsOverNodes) {
  Row const grid = GetParam();
  std::int64_t nodes = 1;
  for (std::int64_t n : grid) nodes *= n;
  torch::manual_seed(3);
  GraphAttention layer(
      {.dim = 8, .heads = 2, .grid = grid, .topk = 2, .sim_dim = 4});
  at::NoGradGuard const no_grad;
  for (auto& parameter : layer.parameters())
    parameter.add_(0.3 * torch::randn_like(parameter));
  at::Tensor const x = torch::randn({2, nodes, 8});
  at::Tensor const got = layer.forward(x);
  NaiveGraphAttention naive(layer, 2, grid, 2);
  for (std::int64_t g = 0; g < 2; ++g) {
    at::Tensor const wanted = naive.run(x[g].to(at::kDouble));
    EXPECT_TRUE(at::allclose(got[g].to(at::kDouble), wanted, 1e-4, 1e-5))
        << (got[g] - wanted).abs().max();
  }
}

INSTANTIATE_TEST_SUITE_P(Grids, GraphAttentionGrid,
                         testing::Values(Row{3, 4}, Row{6}, Row{1, 5}, Row{1},
                                         Row{5, 5}));

/// Two layers with the same weights, drawn away from their start.
struct BothForms {
  explicit BothForms(GraphOptions options)
      : dense(with_form(options, GraphForm::dense)),
        gather(with_form(options, GraphForm::gather)) {
    at::NoGradGuard const no_grad;
    for (auto& parameter : dense.named_parameters()) {
      parameter.value().add_(0.3 * torch::randn_like(parameter.value()));
      gather.named_parameters()[parameter.key()].copy_(parameter.value());
    }
  }

  static GraphOptions with_form(GraphOptions options, GraphForm form) {
    options.form = form;
    return options;
  }

  GraphAttention dense, gather;
};

double relative_gap(at::Tensor const& a, at::Tensor const& b, double least) {
  double const scale = std::max(b.abs().max().item<double>(), least);
  return (a - b).abs().max().item<double>() / scale;
}

void expect_equal_forms(GraphOptions const& options, at::Tensor const& x) {
  BothForms layers(options);
  auto const run = [&](GraphAttention& layer) {
    at::Tensor input = x.detach().clone().set_requires_grad(true);
    Trace trace;
    EdgeSet frozen;
    bool const is_frozen = options.edges == GraphEdges::frozen;
    if (is_frozen) frozen = layer.choose(cosine_similarity(x));
    at::Tensor const y =
        layer.forward(input, TraceScope(&trace), is_frozen ? &frozen : nullptr);
    (y * at::linspace(-1, 1, y.numel()).view_as(y)).sum().backward();
    trace["output"] = y.detach();
    trace["grad"] = input.grad();
    return trace;
  };
  Trace const dense = run(layers.dense), gather = run(layers.gather);
  EXPECT_TRUE(at::equal(gather.at("edges"), dense.at("edges")));
  for (auto const* name : {"output", "weight", "grad"})
    EXPECT_LT(relative_gap(gather.at(name), dense.at(name), 1e-6), 1e-5)
        << name;
  auto wanted = layers.dense.named_parameters();
  double const of_keys =
      wanted["k.weight"].grad().abs().max().item<double>() + 1e-6;
  for (auto const& parameter : layers.gather.named_parameters())
    EXPECT_LT(
        relative_gap(parameter.value().grad(), wanted[parameter.key()].grad(),
                     // A bias on keys has no effect.
                     parameter.key() == "k.bias" ? of_keys : 1e-6),
        1e-5)
        << parameter.key();
}

TEST_P(GraphAttentionGrid, GatherEqualsDense) {
  torch::manual_seed(7);
  std::int64_t nodes = 1;
  for (std::int64_t n : GetParam()) nodes *= n;
  for (std::int64_t const topk : {0, 2, 99})
    for (GraphEdges const edges : {GraphEdges::learned, GraphEdges::frozen}) {
      SCOPED_TRACE(std::to_string(topk));
      expect_equal_forms({.dim = 24,
                          .heads = 3,
                          .grid = GetParam(),
                          .topk = topk,
                          .sim_dim = 5,
                          .edges = edges},
                         torch::randn({3, nodes, 24}));
    }
}

TEST(GraphAttention, GatherEqualsDenseWithTies) {
  torch::manual_seed(7);
  // Three different tokens on 35 places.
  at::Tensor const kinds = torch::randn({3, 24});
  at::Tensor const x =
      kinds.index_select(0, at::randint(0, 3, {70}, at::kLong));
  expect_equal_forms(
      {.dim = 24, .heads = 4, .grid = {5, 7}, .topk = 6, .sim_dim = 5},
      x.view({2, 35, 24}));
}

TEST(GraphAttention, FrozenEdgesHaveNoProjection) {
  GraphAttention layer({.dim = 8,
                        .heads = 2,
                        .grid = {2, 3},
                        .topk = 1,
                        .edges = GraphEdges::frozen});
  for (auto const& [name, tensor] : named_tensors(layer))
    EXPECT_NE(name, "sim.weight");
}

TEST(GraphAttention, WeightIsZeroWithoutAnEdgeAndSumsToOne) {
  torch::manual_seed(1);
  GraphAttention layer(
      {.dim = 8, .heads = 2, .grid = {3, 3}, .topk = 1, .sim_dim = 4});
  Trace trace;
  layer.forward(torch::randn({2, 9, 8}), TraceScope(&trace));
  at::Tensor const kind = trace.at("edges"), weight = trace.at("weight");
  EXPECT_TRUE(at::allclose(weight.sum(-1), at::ones({2, 2, 9})));
  EXPECT_EQ(
      weight.masked_select((kind < 0).unsqueeze(1)).abs().sum().item<float>(),
      0.0F);
  EXPECT_FALSE(weight.requires_grad());
}

TEST(GraphAttention, SimilarityLearnsThroughItsGain) {
  torch::manual_seed(1);
  GraphAttention layer(
      {.dim = 8, .heads = 2, .grid = {6}, .topk = 2, .sim_dim = 4});
  {
    at::NoGradGuard const no_grad;
    layer.named_parameters()["sim_gain"].fill_(0.5);
  }
  layer.forward(torch::randn({2, 6, 8})).square().sum().backward();
  for (auto const& parameter : layer.named_parameters()) {
    ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
    // A bias on k shifts all logits of a row alike.
    if (parameter.key() == "k.bias") continue;
    EXPECT_GT(parameter.value().grad().abs().max().item<float>(), 1e-6F)
        << parameter.key();
  }
}

}  // namespace
}  // namespace gasm
