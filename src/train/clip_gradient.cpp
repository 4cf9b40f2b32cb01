// SPDX-License-Identifier: Apache-2.0
#include "clip_gradient.hpp"

#include <torch/torch.h>

#include <cmath>

namespace gasm {

double gradient_norm(at::Tensor const& flat) {
  // Sums in fp32 lose digits over millions of values: rows, and those in fp64.
  constexpr std::int64_t kRow = 512;
  std::int64_t const whole = flat.numel() / kRow * kRow;
  auto const norm_of = [](at::Tensor const& rows) {
    return at::linalg_vector_norm(rows, 2, at::IntArrayRef{1})
        .to(at::kDouble)
        .norm()
        .item<double>();
  };
  return std::hypot(
      norm_of(flat.narrow(0, 0, whole).view({-1, kRow})),
      norm_of(flat.narrow(0, whole, flat.numel() - whole).unsqueeze(0)));
}

void clip_gradient(at::Tensor const& flat, double norm, double clip_norm) {
  if (clip_norm > 0 && norm > clip_norm) flat.mul_(clip_norm / (norm + 1e-6));
}

}  // namespace gasm
