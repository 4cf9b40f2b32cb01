// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gasm/config/data_config.hpp"

namespace gasm {

class Communicator;

struct BenchStoreOptions {
  std::int64_t batch = 32;  ///< samples of a micro-batch; each rank has one
  std::int64_t num_threads = 1;  ///< that read ahead, of each rank
  int num_repeats = 3;           ///< measured epochs of each mode; >= 1
  /// Where a FeatureTable is measured, too: cpu, cuda or cuda:N; empty:
  /// nowhere.
  std::string device;
  /// Which modes, in this order; not `automatic`.
  std::vector<StoreMode> modes{StoreMode::resident, StoreMode::exchange,
                               StoreMode::stream, StoreMode::direct};
  /// Told what is being done, from time to time.
  std::function<void(std::string const& doing)> on_progress = {};
};

/// Of whole epochs of shuffled micro-batches, delivered as tensors, on all
/// ranks together. Medians over the epochs.
struct StoreModeFigures {
  StoreMode mode = StoreMode::direct;
  double samples_per_s = 0.0;
  double gb_per_s = 0.0;         ///< of what the file holds of them
  std::int64_t num_samples = 0;  ///< delivered in one epoch
  std::int64_t num_bad = 0;      ///< slots that held a substitute, all epochs
  /// By how much the resident memory of the rank that grew most grew over the
  /// measured epochs.
  std::int64_t grown_bytes = 0;
};

/// One copy of the store, read into memory in turn with plain reads of the
/// same bytes. Medians over the repeats; a GB is 1e9 bytes.
struct StoreFillFigures {
  double raw_gb_per_s = 0.0;   ///< each rank reads its share, 16 MiB at a time
  double fill_gb_per_s = 0.0;  ///< of the resident store, checksums included
  double fill_over_raw = 0.0;
};

/// The whole store in a FeatureTable of each rank.
struct DeviceFigures {
  double fill_gb_per_s = 0.0;  ///< checksums included; of all ranks together
  /// In mode direct, which fills the table.
  StoreModeFigures batches;
};

struct BenchStoreResult {
  std::uint64_t num_bytes = 0;  ///< of all records
  int num_ranks = 1;
  /// If resident is among the modes: from the page cache, and once the system
  /// was asked to drop the file from it.
  std::optional<StoreFillFigures> fill;
  std::optional<StoreFillFigures> cold_fill;
  std::vector<StoreModeFigures> modes;
  std::optional<DeviceFigures> device;  ///< if one was wanted
};

/// How fast a clips.h5 or features.h5 becomes batches. The first epoch of
/// each mode is not counted: it brings the file into the page cache and
/// compares the checksums. Throws the same Error on all ranks if the file is
/// no store, a mode needs more memory than a machine has free, or an epoch
/// did not deliver every sample once. Collective.
BenchStoreResult bench_store(Communicator const& world,
                             std::filesystem::path const& path,
                             BenchStoreOptions const& options = {});

}  // namespace gasm
