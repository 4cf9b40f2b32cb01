// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/bounds.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gasm/synth/level.hpp"

namespace gasm {
namespace {

int factorial(int n) { return n < 2 ? 1 : n * factorial(n - 1); }

/// The longest window that can touch no two excursions and of which a clip
/// shows the same ones at either end (every excursion ends on a rest frame).
int max_snippet(LevelSpec const& spec) {
  int const rest_between =
      1 + (spec.has_tempo ? std::min(spec.gap_within, spec.gap_between)
                          : spec.gap_within);
  int const rest_before = spec.min_lead;
  int const rest_after = spec.slack - spec.max_lead + 1;
  return 1 + std::min({rest_between, rest_before, rest_after});
}

}  // namespace

std::string ExactFraction::text() const {
  if (denominator == 1) return fmt::format("{} %", 100 * numerator);
  return fmt::format("{}/{} = {:.4g} %", numerator, denominator,
                     100.0 * value());
}

SynthBounds synth_bounds(SynthOptions const& options) {
  LevelSpec const spec = level_spec(options);
  int const orders = factorial(spec.num_objects);
  int const num_tempi = spec.has_tempo ? 2 : 1;
  int const num_labels = orders * 2 * num_tempi;
  SynthBounds bounds;
  bounds.single_frame = {1, num_labels};
  bounds.bag_of_frames = {1, num_labels};
  bounds.short_snippets = {1, num_labels / num_tempi};
  bounds.max_snippet_frames = max_snippet(spec);
  bounds.motion_only = {1, orders};
  bounds.additive_fusion = {3, 4};
  return bounds;
}

}  // namespace gasm
