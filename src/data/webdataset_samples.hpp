// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace gasm {

/// One sample of a shard: where its video lies, what it says of its class.
struct WdsSample {
  std::string id;
  std::string extension;  ///< "webm"
  std::uint64_t offset = 0;
  std::uint64_t num_bytes = 0;
  std::optional<std::int64_t> label;
  std::optional<std::string> class_name;
  std::string problem;  ///< why it cannot be used; else empty
};

/// The samples of one shard, in its order. Throws for a file that is no tar
/// archive.
std::vector<WdsSample> read_shard(std::filesystem::path const& path);

/// As JSON and back, for other ranks.
std::string samples_to_text(std::vector<std::vector<WdsSample>> const& shards);
std::vector<std::vector<WdsSample>> samples_of_text(std::string const& text);

/// Gives every sample that has a class its index. Empty `classes` are filled
/// in from the samples. What does not fit becomes the sample's problem.
void resolve_classes(std::vector<WdsSample*> const& samples,
                     std::vector<std::string>& classes);

}  // namespace gasm
