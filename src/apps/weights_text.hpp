// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "gasm/ckpt/weights.hpp"

namespace gasm {

/// What `gasm weights inspect` shows of a file.
struct WeightsView {
  std::string path;
  WeightsFormat format = WeightsFormat::safetensors;
  TensorFile file;
  bool with_stats = false;
};

/// A line for the whole, one for each metadatum, one for each tensor.
std::string weights_text(WeightsView const& view);

/// The same as one JSON object (docs/formats.md).
std::string weights_json(WeightsView const& view);

}  // namespace gasm
