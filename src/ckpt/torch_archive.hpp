// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "gasm/archive/stored_zip.hpp"
#include "gasm/ckpt/safetensors.hpp"
#include "pickle_globals.hpp"

namespace gasm {

/// A zip archive of torch.save or torch.jit.save:
///   ROOT/data.pkl      what was saved, tensors by the keys of their storages
///   ROOT/data/KEY      the elements of a storage
///   ROOT/byteorder     "little" (may be missing)
///   ROOT/constants.pkl in TorchScript alone
/// (torch/serialization.py; torch/csrc/jit/serialization/export_module.cpp).
class TorchArchive {
 public:
  /// Throws, naming the path, for a zip archive that is something else.
  explicit TorchArchive(std::filesystem::path const& path);

  PickleDialect dialect() const { return dialect_; }
  /// All tensors, contiguous, each with memory of its own. A storage is read
  /// once, however many tensors view it.
  TensorFile read() const;

 private:
  using NamedTensor = std::pair<std::string, PickleValue const*>;

  std::vector<std::byte> read_member(std::string const& name,
                                     std::uint64_t max_bytes) const;
  void check_byte_order() const;
  std::string find_member(std::string const& name,
                          PickleValue const& tensor) const;
  void read_storage(std::string const& member,
                    std::vector<NamedTensor> const& tensors,
                    TensorFile& file) const;

  std::filesystem::path path_;
  StoredZip zip_;
  std::string root_;
  PickleDialect dialect_ = PickleDialect::torch_save;
};

}  // namespace gasm
