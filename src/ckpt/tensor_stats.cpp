// SPDX-License-Identifier: Apache-2.0
#include "gasm/ckpt/tensor_stats.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gasm {
namespace {

/// So that copies in fp64 stay small beside the tensor.
constexpr std::int64_t piece_size = 1 << 20;

template <class Function>
void for_each_piece(at::Tensor const& tensor, Function const& function) {
  auto const flat = tensor.reshape({-1});
  for (std::int64_t i = 0; i < flat.numel(); i += piece_size)
    function(flat.slice(0, i, i + piece_size).to(at::kDouble));
}

}  // namespace

TensorStats measure_tensor(at::Tensor const& tensor) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  TensorStats stats;
  stats.min = infinity;
  stats.max = -infinity;
  double sum = 0.0;
  for_each_piece(tensor, [&](at::Tensor const& piece) {
    auto const num_nan = piece.isnan().sum().item<std::int64_t>();
    auto const num_inf = piece.isinf().sum().item<std::int64_t>();
    stats.num_nan += num_nan;
    stats.num_inf += num_inf;
    auto const finite =
        num_nan + num_inf == 0 ? piece : piece.masked_select(piece.isfinite());
    if (finite.numel() == 0) return;
    stats.num_finite += finite.numel();
    sum += finite.sum().item<double>();
    stats.min = std::min(stats.min, finite.min().item<double>());
    stats.max = std::max(stats.max, finite.max().item<double>());
  });
  if (stats.num_finite == 0) {
    stats.mean = stats.std = stats.min = stats.max = none;
    return stats;
  }
  auto const num = static_cast<double>(stats.num_finite);
  stats.mean = sum / num;
  double squares = 0.0;
  // Once more: the mean of squares less the square of the mean loses digits.
  for_each_piece(tensor, [&](at::Tensor const& piece) {
    auto const gaps = piece.masked_select(piece.isfinite()) - stats.mean;
    squares += (gaps * gaps).sum().item<double>();
  });
  stats.std = std::sqrt(squares / num);
  return stats;
}

}  // namespace gasm
