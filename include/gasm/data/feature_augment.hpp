// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "gasm/base/rng.hpp"

namespace gasm {

/// Random changes of cached features of training samples: what is left of
/// augmentation once backbones have run. A sample is fp32 [S, L, D] (steps,
/// tokens, channels) on any device. All work in place and draw on the host,
/// from `rng`, which the caller keys by (seed, epoch, sample): what is drawn is
/// the same on every device.

/// Which of the stored views of a sample an epoch reads. Over num_views epochs
/// in a row, from a multiple of num_views on, every view is read once, in an
/// order drawn anew each time. Throws Error if num_views < 1.
std::int64_t choose_view(std::uint64_t seed, std::int64_t epoch,
                         std::int64_t sample, std::int64_t num_views);

/// Each token (all of its channels) becomes 0 with the given probability. The
/// others keep their values: a token is seen whole or not at all. 0 <=
/// probability < 1 (asserted).
void drop_tokens(at::Tensor const& features, double probability, Rng& rng);

/// Adds normal noise of `strength` times the standard deviation of all of the
/// sample's values. strength >= 0 (asserted).
void add_feature_noise(at::Tensor const& features, double strength, Rng& rng);

/// Each step shows what lies up to `most` steps earlier or later, within the
/// clip; the order of time is kept. most >= 0 (asserted).
void jitter_steps(at::Tensor const& features, std::int64_t most, Rng& rng);

/// Mixup of B samples, `features` [B, ...]: sample b becomes own_share times
/// itself plus the rest of sample B - 1 - b, as mix_clips (mix.hpp) does it to
/// pixels; labels follow in the same way.
void mix_features(at::Tensor const& features, double own_share);

}  // namespace gasm
