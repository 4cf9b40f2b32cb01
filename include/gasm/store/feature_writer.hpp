// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "gasm/base/file.hpp"
#include "gasm/base/result.hpp"
#include "gasm/store/feature_info.hpp"

namespace gasm {

class Communicator;

/// What to do with the unfinished file of an earlier job.
enum class UnfinishedUse { go_on, start_anew };

/// Writes a features.h5 file unit by unit, in any order, by all ranks. A unit
/// is `contents.batch` neighbouring clips with all of their views (the last
/// unit may be smaller).
///
/// What is written lies in PATH.partial, an HDF5 file that was laid out at
/// once and whose features are zeros until they are there, and beside it in
/// the journal PATH.partial.journal, which names the units that are safely on
/// the disk. A job that is killed at any moment loses what was written since
/// the last sync(); the next one goes on. PATH appears when all is there and
/// was read back. Its datasets depend on neither the number of ranks nor on
/// how often the work was interrupted.
class FeatureWriter {
 public:
  /// Collective; `path` and `contents` are the same on all ranks. Throws the
  /// same Error on all ranks if the unfinished file was begun for other
  /// contents (naming what differs), another job writes it, or it cannot be
  /// made: its whole space is taken here.
  static FeatureWriter open(Communicator const& comm,
                            std::filesystem::path const& path,
                            FeatureStoreContents const& contents,
                            UnfinishedUse use);
  ~FeatureWriter();
  FeatureWriter(FeatureWriter&&) noexcept;
  FeatureWriter& operator=(FeatureWriter&&) noexcept;

  std::int64_t num_units() const;
  /// Written by an earlier job. The same on all ranks.
  bool is_done(std::int64_t unit) const;

  /// One unit of this rank's: features [clips, V, S, L, D] of each stream in
  /// the file's type (empty where there is none) and classes [clips, V].
  Result<void> write(std::int64_t unit, std::span<std::byte const> semantic,
                     std::span<std::byte const> motion,
                     std::span<std::int16_t const> view_labels);
  /// Puts the units written since the last call on the disk and then into the
  /// journal.
  Result<void> sync();

  /// Reads everything back, by other ranks than wrote it where there are
  /// several, and makes it PATH. Throws the same Error on all ranks if a unit
  /// is missing, or is not what was written; the next job writes such a unit
  /// anew. Collective.
  void finish(Communicator const& comm);

 private:
  struct State;
  explicit FeatureWriter(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace gasm
