// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gasm/base/file.hpp"
#include "gasm/base/result.hpp"
#include "gasm/record/tensorboard_summary.hpp"

namespace gasm {

/// Writes what TensorBoard shows: FOLDER/events.out.tfevents.*, one new file
/// for each open(). One folder is one run in its menu. TensorBoard reads a
/// folder's files in the order of their names, which begin with a time: where
/// the clock has gone back, the name goes on from the newest file's time.
///
/// Format: a record is u64 length, masked CRC-32C of the length, data, masked
/// CRC-32C of the data, all little-endian; data is a protobuf Event, encoded
/// here by hand, for a protobuf library beside LibTorch's own can clash.
class TensorBoardWriter {
 public:
  /// Several open at once in one folder get different names. TensorBoard drops
  /// what earlier files hold of `restart_step` and later ones (0: of all): the
  /// run writes them again.
  static Result<TensorBoardWriter> open(
      std::filesystem::path const& folder,
      std::optional<std::int64_t> restart_step = {});

  /// One point of curve `tag`, e.g. "train/loss", at the present time.
  Result<void> write_scalar(std::string_view tag, std::int64_t step,
                            double value);

  /// Several points of one step in one record.
  Result<void> write_scalars(
      std::int64_t step, std::span<std::pair<std::string, double> const> values,
      double time_s = 0.0);  ///< Unix time; 0: now

  /// Anything else of one step, in one record.
  Result<void> write(std::int64_t step, TensorBoardSummary const& summary,
                     double time_s = 0.0);

  std::filesystem::path const& path() const { return path_; }

 private:
  TensorBoardWriter(FileWriter file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)) {}

  FileWriter file_;
  std::filesystem::path path_;
};

/// CRC-32C (Castagnoli) of the bytes, rotated and offset as event files want.
std::uint32_t masked_crc32c(std::string_view bytes);

/// A record around `data`, as it stands in an event file.
std::string frame_record(std::string_view data);

}  // namespace gasm
