// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <optional>

#include "gasm/config/run_config.hpp"
#include "gasm/models/recogniser.hpp"

namespace gasm {

/// Model FLOP utilisation (Chowdhery et al. 2022, appendix B): what a model's
/// arithmetic would need of the device's peak, if nothing were computed twice.
struct Utilisation {
  double flops_a_clip = 0.0;  ///< training_flops
  double peak_flops = 0.0;    ///< a second, of one device

  /// For so many clips a second on each device.
  double at(double clips_per_s) const {
    return flops_a_clip * clips_per_s / peak_flops;
  }
};

/// Floating-point operations of one clip's forward and backward pass: two for
/// each multiply-accumulate, counted while the model, on `device`, runs on
/// random inputs. What a backward pass computes again does not count. Leaves
/// no gradient; the model is in training mode afterwards, and keeps its
/// activations.
double training_flops(RunConfig const& config, Recogniser& model,
                      at::Device device);

/// Nothing where the device's peak is not known.
std::optional<Utilisation> utilisation_of(RunConfig const& config,
                                          Recogniser& model, at::Device device);

}  // namespace gasm
