// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/feature_augment.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

// Keeps these draws apart from others keyed by a seed and two numbers.
constexpr std::uint64_t kViewStream = 0x76696577;  // "view"

void check_sample(at::Tensor const& features) {
  GASM_ASSERT(features.dim() == 3 && features.scalar_type() == at::kFloat);
}

}  // namespace

std::int64_t choose_view(std::uint64_t seed, std::int64_t epoch,
                         std::int64_t sample, std::int64_t num_views) {
  if (num_views < 1)
    throw error("cannot choose one of {} views (there must be at least 1)",
                num_views);
  GASM_ASSERT(epoch >= 0 && sample >= 0);
  Rng rng{seed, kViewStream, static_cast<std::uint64_t>(epoch / num_views),
          static_cast<std::uint64_t>(sample)};
  std::vector<std::int64_t> order(static_cast<std::size_t>(num_views));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  rng.shuffle(std::span<std::int64_t>(order));
  return order[static_cast<std::size_t>(epoch % num_views)];
}

void drop_tokens(at::Tensor const& features, double probability, Rng& rng) {
  check_sample(features);
  GASM_ASSERT(0.0 <= probability && probability < 1.0);
  if (probability == 0.0) return;
  auto const is_dropped =
      at::empty({features.size(0), features.size(1), 1}, at::kBool);
  auto* const flags = is_dropped.data_ptr<bool>();
  for (std::int64_t token = 0; token < is_dropped.numel(); ++token)
    flags[token] = rng.chance(probability);
  features.masked_fill_(is_dropped.to(features.device()), 0.0);
}

void add_feature_noise(at::Tensor const& features, double strength, Rng& rng) {
  check_sample(features);
  GASM_ASSERT(strength >= 0.0);
  if (strength == 0.0 || features.numel() == 0) return;
  auto const noise = at::empty(features.sizes(), at::kDouble);
  auto* const values = noise.data_ptr<double>();
  for (std::int64_t i = 0; i < noise.numel(); ++i) values[i] = rng.normal();
  auto const sigma = strength * features.to(at::kDouble).std(false);
  features.add_((noise.to(features.device()) * sigma).to(at::kFloat));
}

void jitter_steps(at::Tensor const& features, std::int64_t most, Rng& rng) {
  check_sample(features);
  GASM_ASSERT(most >= 0);
  auto const num_steps = features.size(0);
  if (most == 0 || num_steps < 2) return;
  std::vector<std::int64_t> sources;
  for (std::int64_t step = 0; step < num_steps; ++step)
    sources.push_back(std::clamp<std::int64_t>(step + rng.between(-most, most),
                                               0, num_steps - 1));
  std::sort(sources.begin(), sources.end());
  auto const index = at::tensor(sources, at::kLong).to(features.device());
  features.copy_(features.index_select(0, index));
}

void mix_features(at::Tensor const& features, double own_share) {
  GASM_ASSERT(0.0 <= own_share && own_share <= 1.0);
  auto const num = features.size(0);
  auto const first = features.narrow(0, 0, num / 2);
  // From the end backwards: the partners of `first`, in its order.
  auto const last = features.narrow(0, num - num / 2, num / 2).flip(0);
  auto const rest = 1.0 - own_share;
  auto const mixed_last = own_share * last + rest * first;
  first.copy_(own_share * first + rest * last);
  features.narrow(0, num - num / 2, num / 2).copy_(mixed_last.flip(0));
}

}  // namespace gasm
