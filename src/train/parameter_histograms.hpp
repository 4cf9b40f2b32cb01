// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <optional>
#include <vector>

#include "gasm/comm/communicator.hpp"
#include "gasm/models/model_summary.hpp"
#include "gradient_layout.hpp"
#include "run_board.hpp"

namespace gasm {

/// Which gradients this rank has, where each has a part (ZeRO-1).
struct OwnedGradients {
  GradientLayout const& layout;
  std::vector<ValueRange> owned;  ///< no value in two ranks' ranges
};

/// "parameters/NAME" and "gradients/NAME" of all that learns; gradients times
/// `scale`. On root; nothing on the others, which count nothing unless
/// gradients are shared out. Collective if they are.
NamedHistograms parameter_histograms(
    Communicator const& world, std::vector<ParameterInfo> const& parameters,
    std::vector<at::Tensor> const& gradients,
    std::optional<OwnedGradients> const& owned, double scale);

}  // namespace gasm
