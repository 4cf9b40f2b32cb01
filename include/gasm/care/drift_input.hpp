// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/care/clip_measure.hpp"
#include "gasm/care/drift.hpp"
#include "gasm/data/step_plan.hpp"
#include "gasm/store/clip_info.hpp"

namespace gasm {

/// What gasm data verify and gasm data stats write, as sides to compare.
enum class DriftSourceKind { manifest, stats };

struct DriftSource {
  DriftSourceKind kind = DriftSourceKind::stats;
  std::string path;
  int num_frames = 0;  ///< looked at in each clip; 0 for a manifest
  /// By split; a manifest, which knows none, has one called "".
  std::map<std::string, DriftSide> sides;
  std::map<std::string, std::string> data_hash;  ///< by split; only stats
};

/// Reads either kind of file. Fails, naming path and key, for anything else.
Result<DriftSource> read_drift_source(std::filesystem::path const& path);

/// Compares each split that both have. A usage error if one is a manifest and
/// the other is not, if they share no split, or if their clips were measured on
/// different numbers of frames, for then motion cannot be compared.
std::vector<DriftAlert> compare_sources(DriftSource const& reference,
                                        DriftSource const& current,
                                        DriftLimits const& limits);

/// A side made of measured clips of a store; measures[k] is of clips[k].
DriftSide side_of_clips(std::string const& name,
                        ClipStoreContents const& contents,
                        std::span<std::int64_t const> clips,
                        std::span<ClipMeasure const> measures);

/// The last batches that a run has trained on, as far as its metrics.jsonl
/// tells. A pure function of configuration, store and step (BatchPlan): the
/// run itself need not have written them down.
struct RunBatches {
  std::int64_t first_step = 0;  ///< optimiser steps done before these batches
  std::int64_t last_step = 0;   ///< and after them
  /// data.train of the run; empty if that holds features: the clips that they
  /// were made of may be anywhere.
  std::string store_path;
  std::string data_hash;  ///< of the clips, by the run's manifest or features
  int global_batch = 0;
  int micro_batch = 0;
  std::uint64_t seed = 0;
  SampleOrder order = SampleOrder::shuffled;  ///< blocks with store: stream
  BlockShuffle block_shuffle = {};            ///< for SampleOrder::blocks
};

/// Reads a run folder, which may belong to a running job. Fails if it has no
/// configuration, no manifest or no step yet. `num_steps` > 0 batches, or as
/// many as there are.
Result<RunBatches> read_run_batches(std::filesystem::path const& run,
                                    std::int64_t num_steps);

/// The clips of these batches, in the order of training, before any
/// substitution of bad clips.
std::vector<std::int64_t> clips_of(RunBatches const& batches,
                                   std::int64_t num_clips);

}  // namespace gasm
