// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "gasm/base/result.hpp"
#include "gasm/ckpt/safetensors.hpp"

namespace gasm {

/// Formats in which weights are published (docs/formats.md).
enum class WeightsFormat {
  safetensors,
  sharded,       ///< an index of files beside it, of one of the other formats
  torch_save,    ///< zip archive of torch.save: .pth, .pt, .pyth, .bin
  torch_script,  ///< zip archive of torch.jit.save
};

/// For people: "safetensors", "index of shards", "TorchScript archive".
char const* name_of(WeightsFormat format);

/// Recognises a file by its content, whatever its name. Fails, saying what to
/// do, for what cannot be read: the older form of torch.save, a bare pickle, a
/// tar archive, a Git LFS pointer, a web page, an empty file.
Result<WeightsFormat> find_weights_format(std::filesystem::path const& path);

/// Reads weights of any format above, as tensors by name. Nothing that a file
/// says is executed: the pickle in torch's archives is read as data, by a
/// reader that knows the names of tensors and of plain values, and refuses
/// every other name. Tensors are contiguous, on the CPU, each with memory of
/// its own; views of a common storage become copies.
///
/// Metadata: "__metadata__" of safetensors (of all shards); for torch's
/// archives the text and numbers that stand beside the state dict as
/// "pickle.KEY", and as "unwrapped" the keys that lead to it ("model_state").
///
/// Fails, naming path and reason, for damage, for shards that are missing or
/// lie elsewhere, and for a file without any tensor.
Result<TensorFile> read_weights(std::filesystem::path const& path);

/// Throws, naming `source`, tensor, value and index, for the first tensor by
/// name that holds a NaN or an infinite value.
void check_finite(std::map<std::string, at::Tensor> const& tensors,
                  std::string const& source);

}  // namespace gasm
