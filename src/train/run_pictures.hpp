// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>

#include "gasm/care/contact_sheet.hpp"

namespace gasm {

/// A confusion matrix [K, K] as squares: row = class, column = what it was
/// taken for, each row by its share of the class's clips. White is none, dark
/// blue all; a class without clips is grey.
Picture confusion_picture(std::span<std::int64_t const> confusion);

/// At most 4 clips of u8 [B, T, 3, H, W], one below the other, at most 8
/// frames of each, evenly taken, with their numbers.
Picture frames_picture(at::Tensor const& clips);

}  // namespace gasm
