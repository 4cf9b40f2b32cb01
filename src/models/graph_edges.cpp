// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/graph_edges.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace gasm {
namespace {

constexpr std::int8_t kNone = -1, kSelf = 0, kStructural = 1, kSimilar = 2;

/// Of candidates by ascending index, marks the topk of the highest score.
void mark_similar(float const* score, std::vector<std::int32_t>& candidates,
                  std::size_t topk, std::int8_t* kind) {
  auto const taken =
      static_cast<std::ptrdiff_t>(std::min(topk, candidates.size()));
  // partial_sort stays inside its range even where NaN breaks the order.
  std::partial_sort(candidates.begin(), candidates.begin() + taken,
                    candidates.end(), [&](std::int32_t a, std::int32_t b) {
                      return score[a] > score[b] ||
                             (score[a] == score[b] && a < b);
                    });
  std::for_each(candidates.begin(), candidates.begin() + taken,
                [&](std::int32_t j) { kind[j] = kSimilar; });
}

/// Edge kinds [N, N] of what does not depend on similarity.
at::Tensor fixed_edges(at::Tensor const& neighbour) {
  // -1 or 1, and 0 along the diagonal.
  return (neighbour.to(at::kChar) * 2 - 1).fill_diagonal_(kSelf);
}

/// A stable sort of whole rows costs more than the attention that follows.
at::Tensor choose_on_cpu(at::Tensor const& score, at::Tensor const& fixed,
                         std::int64_t topk) {
  std::int64_t const n = score.size(-1), rows = score.numel() / n;
  at::Tensor kind = fixed.expand(score.sizes()).contiguous();
  auto const* values = score.const_data_ptr<float>();
  auto* kinds = kind.mutable_data_ptr<std::int8_t>();
  auto const mark_rows = [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::int32_t> candidates;
    for (std::int64_t row = begin; row < end; ++row) {
      auto* const row_kinds = kinds + row * n;
      candidates.clear();
      for (std::int64_t j = 0; j < n; ++j)
        if (row_kinds[j] == kNone)
          candidates.push_back(static_cast<std::int32_t>(j));
      mark_similar(values + row * n, candidates, static_cast<std::size_t>(topk),
                   row_kinds);
    }
  };
  at::parallel_for(0, rows, /*grain_size=*/64, mark_rows);
  return kind;
}

}  // namespace

StructuralEdges structural_edges(std::vector<std::int64_t> const& grid) {
  std::vector<at::Tensor> axes;
  for (std::int64_t n : grid) axes.push_back(at::arange(n, at::kLong));
  auto const rank = static_cast<std::int64_t>(grid.size());
  at::Tensor const place =
      at::stack(at::meshgrid(axes, "ij"), -1).reshape({-1, rank});
  // [i, j, axis]: where j lies as seen from i.
  at::Tensor const delta = place.unsqueeze(0) - place.unsqueeze(1);
  StructuralEdges edges;
  edges.neighbour = delta.abs().amax(-1) == 1;
  edges.num_offsets = 1;
  edges.offset = at::zeros_like(delta.select(-1, 0));
  for (std::int64_t a = 0; a < rank; ++a) {
    std::int64_t const n = grid[static_cast<std::size_t>(a)];
    edges.offset = edges.offset * (2 * n - 1) + (delta.select(-1, a) + (n - 1));
    edges.num_offsets *= 2 * n - 1;
  }
  return edges;
}

at::Tensor cosine_similarity(at::Tensor const& x) {
  namespace F = torch::nn::functional;
  at::Tensor const z =
      F::normalize(x, F::NormalizeFuncOptions().dim(-1).eps(1e-6));
  return at::matmul(z, z.transpose(1, 2));
}

at::Tensor choose_edges(at::Tensor const& similarity,
                        at::Tensor const& neighbour, std::int64_t topk) {
  at::NoGradGuard const no_grad;
  if (!similarity.device().is_cpu())
    return choose_edges_by_sorting(similarity, neighbour, topk);
  at::Tensor const fixed = fixed_edges(neighbour);
  if (topk == 0) return fixed.expand(similarity.sizes()).contiguous();
  return choose_on_cpu(similarity.to(at::kFloat).contiguous(), fixed, topk);
}

at::Tensor choose_edges_by_sorting(at::Tensor const& similarity,
                                   at::Tensor const& neighbour,
                                   std::int64_t topk) {
  at::NoGradGuard const no_grad;
  at::Tensor const fixed = fixed_edges(neighbour);
  at::Tensor const is_fixed = fixed.ge(kSelf);
  at::Tensor const rest = similarity.masked_fill(
      is_fixed, -std::numeric_limits<double>::infinity());
  at::Tensor const best = std::get<1>(
      at::sort(rest, /*stable=*/true, /*dim=*/-1, /*descending=*/true));
  at::Tensor kind = at::full_like(similarity, kNone, at::kChar);
  kind.scatter_(-1, best.narrow(-1, 0, std::min(topk, similarity.size(-1))),
                kSimilar);
  // With fewer than topk candidates the rest of `best` are fixed edges.
  return at::where(is_fixed, fixed, kind);
}

at::Tensor edge_lists(at::Tensor const& kind, std::int64_t k) {
  at::NoGradGuard const no_grad;
  at::Tensor const order = std::get<1>(at::sort(kind.lt(kSelf).to(at::kChar),
                                                /*stable=*/true, /*dim=*/-1,
                                                /*descending=*/false));
  return order.narrow(-1, 0, k).contiguous();
}

}  // namespace gasm
