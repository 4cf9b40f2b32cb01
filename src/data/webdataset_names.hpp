// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "gasm/base/result.hpp"

namespace gasm {

/// "out/train-%06d.tar" in its pieces.
struct ShardPattern {
  std::string before;
  int num_digits = 1;
  std::string after;

  std::filesystem::path shard(std::int64_t index) const;
};
Result<ShardPattern> parse_shard_pattern(std::string const& text);

/// WebDataset's rule: a sample's key is the path up to the first dot of its
/// last part, the field what stands behind. Both empty for a name without.
struct FieldName {
  std::string key;
  std::string field;
};
FieldName split_field_name(std::string const& member);

/// The id as a key: dots, which would end it, become '_'.
std::string sample_key(std::string const& id);

/// The extension of a video file by its first bytes, "webm"; empty for a
/// container that is none of those docs/formats.md names.
std::string video_extension(std::span<std::byte const> bytes);

}  // namespace gasm
