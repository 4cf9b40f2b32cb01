// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "gasm/ckpt/safetensors.hpp"

namespace gasm {

/// Writes a safetensors file whole or not at all: a draft beside it, then a
/// rename. Throws Error, and leaves nothing behind, if that fails.
void publish_tensors(std::filesystem::path const& path, TensorFile const& file);

}  // namespace gasm
