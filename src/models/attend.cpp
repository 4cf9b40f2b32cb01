// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/attend.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gasm/models/autocast.hpp"
#include "gasm/models/linear.hpp"

namespace gasm {
namespace {

/// Rows up to which backward may keep all scores.
constexpr std::int64_t kShort = 256;

/// PyTorch's fused kernel packs 16-bit tiles for the CPU's matrix units on each
/// call, and takes two to three times as long as plain products wherever their
/// scores lie in memory that is at hand.
bool is_better_unfused(at::Tensor const& x) {
  return x.is_cpu() && (c10::isReducedFloatingType(x.scalar_type()) ||
                        current_autocast(x.device().type()).is_on);
}

/// In fp32 it multiplies with MKL (see linear_map), which shows in long rows.
bool is_better_by_maps(at::Tensor const& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat &&
         multiplies_with_onednn() && x.size(2) > kShort;
}

bool is_learnt(at::Tensor const& x) {
  return at::GradMode::is_enabled() && x.requires_grad();
}

/// q scaled, all of [M, T, d].
at::Tensor attend_plainly(at::Tensor const& q, at::Tensor const& k,
                          at::Tensor const& v) {
  return at::bmm(at::bmm(q, k.transpose(1, 2)).softmax(-1), v);
}

/// The same, each of the M a pair of linear maps; nothing learns.
at::Tensor attend_by_maps(at::Tensor const& q, at::Tensor const& k,
                          at::Tensor const& v) {
  at::Tensor const keys = k.contiguous();
  at::Tensor const values = v.transpose(1, 2).contiguous();
  at::Tensor mixed = at::empty(q.sizes(), q.options());
  for (std::int64_t i = 0; i < q.size(0); ++i)
    mixed[i] =
        linear_map(linear_map(q[i], keys[i], {}).softmax(-1), values[i], {});
  return mixed;
}

}  // namespace

at::Tensor attend(at::Tensor const& q, at::Tensor const& k,
                  at::Tensor const& v) {
  bool const is_kept = is_learnt(q) || is_learnt(k) || is_learnt(v);
  bool const is_unfused = is_better_unfused(q);
  if ((!is_unfused && !is_better_by_maps(q)) || (is_kept && q.size(2) > kShort))
    return at::scaled_dot_product_attention(q, k, v);
  auto const rows_of = [](at::Tensor const& x) {
    return x.reshape({-1, x.size(2), x.size(3)});
  };
  double const scale = 1.0 / std::sqrt(static_cast<double>(q.size(3)));
  at::Tensor const queries = rows_of(q * scale);
  at::Tensor const keys = rows_of(k), values = rows_of(v);
  std::int64_t const num_rows = queries.size(0), length = queries.size(1);
  if (is_kept) return attend_plainly(queries, keys, values).view_as(q);
  if (!is_unfused) return attend_by_maps(queries, keys, values).view(q.sizes());

  // A few MB of scores at a time, which the processor's caches hold.
  constexpr std::int64_t kScores = 4 << 20;
  std::int64_t const step =
      std::max<std::int64_t>(1, kScores / (length * length));
  std::vector<at::Tensor> parts;
  for (std::int64_t begin = 0; begin < num_rows; begin += step) {
    std::int64_t const end = std::min(begin + step, num_rows);
    parts.push_back(attend_plainly(queries.slice(0, begin, end),
                                   keys.slice(0, begin, end),
                                   values.slice(0, begin, end)));
  }
  return at::cat(parts).view(q.sizes());
}

}  // namespace gasm
