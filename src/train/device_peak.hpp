// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "gasm/config/train_config.hpp"

namespace gasm {

/// Floating-point operations a second of a GPU's matrix units, without
/// sparsity, as its maker states them; fp32: of its ordinary units, as torch
/// multiplies fp32 matrices by default. `name` as CUDA has it. Nothing for a
/// device that is not known here, or cannot compute so.
std::optional<double> peak_flops(std::string_view name, Precision precision);

}  // namespace gasm
