// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "checkpoint_manifest.hpp"
#include "gasm/base/result.hpp"
#include "gasm/ckpt/checkpoint.hpp"

namespace gasm {

/// The names of the tensors by shard: whole tensors, with about as many bytes
/// in each. The same for the same names and sizes.
std::vector<std::vector<std::string>> divide_tensors(
    std::map<std::string, at::Tensor> const& tensors, std::size_t num_shards);

/// A file that is to be written.
struct PlannedFile {
  std::string name;
  std::string set;
  TensorFile contents;
};

/// What one rank writes.
struct ShardPlan {
  std::vector<PlannedFile> files;
  std::map<std::string, std::string> indices;  ///< name -> text
};

/// What falls to `writer` of the sets; to root also the indices of sets in
/// several files. Of the tensors themselves.
ShardPlan plan_shards(std::map<std::string, TensorShare> const& sets,
                      ShardWriter const& writer);

/// Writes and syncs the files, and the folder's names. Does not communicate.
Result<std::map<std::string, CheckpointFile>> write_planned(
    std::filesystem::path const& folder, ShardPlan const& plan);

/// Both.
Result<std::map<std::string, CheckpointFile>> write_shards(
    std::filesystem::path const& folder,
    std::map<std::string, TensorShare> const& sets, ShardWriter const& writer);

/// Reads and verifies the files of a manifest, and puts them together.
std::map<std::string, TensorFile> read_shards(
    std::filesystem::path const& folder, CheckpointManifest const& manifest);

/// For messages between ranks.
std::string files_to_text(std::map<std::string, CheckpointFile> const& files);
std::map<std::string, CheckpointFile> files_from_text(std::string const& text);

}  // namespace gasm
