// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "gasm/base/result.hpp"

namespace gasm {

/// Tensors by name, as one safetensors file holds them.
struct TensorFile {
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> metadata;  ///< "__metadata__"
};

/// Reads a safetensors file (docs/formats.md; huggingface/safetensors README,
/// "Format"): u64 length of the header, JSON header, row-major little-endian
/// data. Every rule of the format is checked (no holes, no overlap, no unknown
/// type, sizes that match shapes); a truncated or foreign file is an Error
/// that names path and reason. Tensors own their memory, on the CPU.
Result<TensorFile> read_safetensors(std::filesystem::path const& path);

struct HashedTensorFile {
  TensorFile file;
  std::uint64_t xxh64 = 0;  ///< of all bytes of the file
};

/// The same in one pass with the checksum.
Result<HashedTensorFile> read_hashed_safetensors(
    std::filesystem::path const& path);

/// The same checks without the values: tensors are on torch's meta device, and
/// have types and shapes alone. Reads the header, and of the data only
/// booleans, which not every byte is.
Result<TensorFile> read_safetensors_layout(std::filesystem::path const& path);

/// Writes `file` and flushes it to the disk. Tensors may be on any device and
/// have any layout. Data are ordered as the reference writer orders them: by
/// alignment, largest first, then by name. Same tensors, same bytes.
/// Returns the XXH64 of the whole file.
Result<std::uint64_t> write_safetensors(std::filesystem::path const& path,
                                        TensorFile const& file);

}  // namespace gasm
