// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/graph_edges.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace gasm {
namespace {

using Row = std::vector<std::int64_t>;

Row row_of(at::Tensor const& kind, std::int64_t i) {
  at::Tensor const r = kind[0][i].to(at::kLong).contiguous();
  return {r.data_ptr<std::int64_t>(), r.data_ptr<std::int64_t>() + r.numel()};
}

TEST(StructuralEdges, NeighboursOfAGridAreThoseAroundANode) {
  StructuralEdges const edges = structural_edges({3, 4});
  for (std::int64_t i = 0; i < 12; ++i)
    for (std::int64_t j = 0; j < 12; ++j) {
      std::int64_t const dy = std::abs(j / 4 - i / 4);
      std::int64_t const dx = std::abs(j % 4 - i % 4);
      EXPECT_EQ(edges.neighbour[i][j].item<bool>(), std::max(dy, dx) == 1)
          << i << " " << j;
    }
  // A corner, an edge and an inner node.
  EXPECT_EQ(edges.neighbour[0].sum().item<int>(), 3);
  EXPECT_EQ(edges.neighbour[1].sum().item<int>(), 5);
  EXPECT_EQ(edges.neighbour[5].sum().item<int>(), 8);
}

TEST(StructuralEdges, OffsetNamesEachDisplacementOnce) {
  StructuralEdges const edges = structural_edges({3, 4});
  EXPECT_EQ(edges.num_offsets, 5 * 7);
  for (std::int64_t i = 0; i < 12; ++i)
    for (std::int64_t j = 0; j < 12; ++j) {
      std::int64_t const dy = j / 4 - i / 4, dx = j % 4 - i % 4;
      EXPECT_EQ(edges.offset[i][j].item<std::int64_t>(),
                (dy + 2) * 7 + (dx + 3));
    }
}

TEST(ChooseEdges, TakesTheMostSimilarOfTheRest) {
  // Five segments in a row: node 0 has neighbour 1; rest 2, 3, 4.
  at::Tensor const neighbour = structural_edges({5}).neighbour;
  at::Tensor cosine = at::zeros({1, 5, 5});
  cosine[0][0] = at::tensor({1.0, 0.9, 0.1, 0.5, 0.3});
  EXPECT_EQ(row_of(choose_edges(cosine, neighbour, 2), 0),
            (Row{0, 1, -1, 2, 2}));
}

TEST(ChooseEdges, OfEqualsTakesTheLowerIndex) {
  at::Tensor const neighbour = structural_edges({6}).neighbour;
  at::Tensor const cosine = at::full({1, 6, 6}, 0.25);
  at::Tensor const kind = choose_edges(cosine, neighbour, 2);
  EXPECT_EQ(row_of(kind, 0), (Row{0, 1, 2, 2, -1, -1}));
  EXPECT_EQ(row_of(kind, 3), (Row{2, 2, 1, 0, 1, -1}));
  EXPECT_EQ(row_of(kind, 5), (Row{2, 2, -1, -1, 1, 0}));
}

TEST(ChooseEdges, EqualsSortingWithTies) {
  torch::manual_seed(5);
  for (Row const& grid : {Row{5, 4}, Row{1, 9}, Row{7}, Row{2, 2}, Row{1}}) {
    at::Tensor const neighbour = structural_edges(grid).neighbour;
    std::int64_t const n = neighbour.size(0);
    // Few values, so that most rows have ties.
    at::Tensor const cosine = at::randint(0, 4, {3, n, n}).to(at::kFloat) / 4;
    for (std::int64_t const topk : {0, 1, 3, 99})
      EXPECT_TRUE(at::equal(choose_edges(cosine, neighbour, topk),
                            choose_edges_by_sorting(cosine, neighbour, topk)))
          << n << " nodes, top " << topk;
  }
}

TEST(EdgeLists, HoldEveryEdgeOnce) {
  torch::manual_seed(5);
  at::Tensor const neighbour = structural_edges({4, 5}).neighbour;
  at::Tensor const kind = choose_edges(at::rand({3, 20, 20}), neighbour, 4);
  at::Tensor const list = edge_lists(kind, 13);
  EXPECT_EQ(list.sizes(), (Row{3, 20, 13}));
  at::Tensor const found = at::zeros_like(kind).scatter_(
      -1, list, (kind.gather(-1, list) >= 0).to(at::kChar));
  EXPECT_TRUE(at::equal(found, (kind >= 0).to(at::kChar)));
}

TEST(ChooseEdges, NeverTakesMoreThanThereAre) {
  at::Tensor const neighbour = structural_edges({3}).neighbour;
  at::Tensor const cosine = at::rand({1, 3, 3});
  at::Tensor const kind = choose_edges(cosine, neighbour, 99);
  EXPECT_EQ(row_of(kind, 0), (Row{0, 1, 2}));
  EXPECT_EQ(row_of(kind, 1), (Row{1, 0, 1}));
  at::Tensor const none = choose_edges(cosine, neighbour, 0);
  EXPECT_EQ(row_of(none, 0), (Row{0, 1, -1}));
}

TEST(CosineSimilarity, IsTheDotProductOfUnitRows) {
  at::Tensor const x =
      at::tensor({3.0, 4.0, 4.0, -3.0, 6.0, 8.0, 0.0, 0.0}, at::kFloat)
          .view({1, 4, 2});
  at::Tensor const wanted = at::tensor({1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0,
                                        1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0},
                                       at::kFloat)
                                .view({1, 4, 4});
  EXPECT_TRUE(at::allclose(cosine_similarity(x), wanted, 1e-6, 1e-6));
}

}  // namespace
}  // namespace gasm
