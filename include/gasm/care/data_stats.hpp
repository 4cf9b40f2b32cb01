// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gasm/care/clip_measure.hpp"
#include "gasm/care/distribution.hpp"
#include "gasm/store/clip_info.hpp"

namespace gasm {

/// The clips of one class in one split.
struct ClassStats {
  std::int64_t num_clips = 0;
  std::int64_t num_measured = 0;  ///< without those that failed
  double mean_frames = 0.0;       ///< of all clips; 0 if there is none
  double mean_seconds = 0.0;      ///< of the measured ones with a frame rate
  double mean_brightness = 0.0;
  double mean_motion = 0.0;
};

using Counts = std::map<std::string, std::int64_t>;

/// One store. Index figures (classes, frames, bytes, sizes) are of all clips;
/// what takes decoding (seconds, frame rates, codecs, brightness, motion) is
/// of the measured ones.
struct SplitStats {
  std::string split;
  std::string path;
  std::string data_hash;
  std::int64_t num_clips = 0;
  std::int64_t num_unlabelled = 0;
  std::uint64_t num_bytes = 0;
  std::int64_t num_measured = 0;  ///< tried, the failed ones included
  /// Id and reason of the clips that could not be decoded.
  std::vector<std::pair<std::string, std::string>> errors;
  std::vector<ClassStats> classes;  ///< by label
  Distribution frames, seconds, kilobytes, brightness, motion;
  Counts sizes;        ///< "427x240" -> clips
  Counts frame_rates;  ///< "12" -> measured clips; "unknown"
  Counts codecs;
};

struct DataStats {
  int num_frames = 0;  ///< looked at in each measured clip
  std::vector<std::string> classes;
  std::vector<SplitStats> splits;
  /// Clips with equal bytes, each as "split:id", in groups of two or more;
  /// within a split and across.
  std::vector<std::vector<std::string>> duplicates;
};

/// `num_wanted` different numbers below num_clips, ascending, drawn with a
/// fixed key: the same ones for equal arguments. All if there are fewer.
std::vector<std::int64_t> sample_clips(std::int64_t num_clips,
                                       std::int64_t num_wanted);

/// Sums up one store; measures[k] is that of clip clips[k]. Pure arithmetic.
SplitStats summarise(ClipStoreContents const& contents,
                     std::span<std::int64_t const> clips,
                     std::span<ClipMeasure const> measures);

/// Groups of equal size and hash in all stores together, in stored order.
std::vector<std::vector<std::string>> find_duplicate_clips(
    std::span<ClipStoreContents const* const> stores);

struct StatsOptions {
  std::optional<std::int64_t> sample;  ///< clips a store; none: all of them
  MeasureOptions measure;
};

/// Opens, measures and sums up stores that share their classes. Collective;
/// the result, equal on all ranks, does not depend on their number. Throws on
/// all ranks for a store that cannot be opened and for different classes.
DataStats collect_stats(Communicator const& comm,
                        std::span<std::filesystem::path const> stores,
                        StatsOptions const& options = {});

/// docs/formats.md: schema gasm.stats, version 1.
std::string stats_json(DataStats const& stats);

/// One page for a browser, in need of nothing else: tables, and pictures as
/// inline SVG; light and dark as the reader's system asks.
std::string stats_page(DataStats const& stats);

}  // namespace gasm
