// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/store/feature_info.hpp"

/// The layout of features.h5: what only the reader and the writer know.
namespace gasm::feature_file {

inline constexpr char const* schema = "gasm.features";
inline constexpr std::uint64_t version = 2;

/// Where the arrays begin in the file; 0 for a stream that is not there.
struct Places {
  std::uint64_t semantic = 0;    // f16 or f32 [N, V, S, L, D]
  std::uint64_t motion = 0;      // the same
  std::uint64_t view_label = 0;  // i16 [N, V]
  std::uint64_t xxh64 = 0;       // u64 [N, V]
  // f32 [2, D]: means, then deviations
  std::uint64_t semantic_statistics = 0;
  std::uint64_t motion_statistics = 0;
  std::uint64_t seal = 0;  // u64 [1]: the data hash; 0: not finished
};

/// Of both streams; empty for one that is not there.
struct Statistics {
  ChannelStatistics semantic;
  ChannelStatistics motion;
};

/// All of a file but the features, read and checked.
struct Index {
  FeatureStoreContents contents;
  Places places;
  std::vector<std::uint64_t> xxh64;       // [N * V], if finished
  std::vector<std::int16_t> view_labels;  // the same
  Statistics statistics;                  // the same
  std::uint64_t data_hash = 0;            // 0: not finished
};

Result<Index> read_index(std::filesystem::path const& path);

/// Writes what is known beforehand; all else is reserved on the disk, and
/// zero where it decides whether the file is finished.
Result<void> create(std::filesystem::path const& path,
                    FeatureStoreContents const& contents);

std::uint64_t data_hash(FeatureStoreContents const& contents,
                        std::vector<std::uint64_t> const& xxh64,
                        std::vector<std::int16_t> const& view_labels,
                        Statistics const& statistics);

}  // namespace gasm::feature_file
