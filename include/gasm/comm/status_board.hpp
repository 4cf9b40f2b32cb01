// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace gasm {

/// What one rank last said about itself.
struct StatusRow {
  int rank = -1;  ///< -1: nothing was said yet
  std::string host;
  std::int64_t pid = 0;
  double since_unix_s = 0.0;  ///< when it entered the phase or last progressed
  double written_unix_s = 0.0;
  std::uint64_t sequence = 0;  ///< of its last collective
  bool inside = false;         ///< was it inside that
  std::string collective;
  int bucket = -1;        ///< of gradients; -1: none
  std::string parameter;  ///< whose gradient was complete last
  std::string phase;
  std::string progress;
};

/// A small text file with one row of 384 bytes a rank, by which every rank
/// can see where the others are when MPI no longer answers; a person reads it
/// with cat. Each rank writes its own row in place, so there is nothing to
/// lock. Advisory: a failing write is dropped.
class StatusBoard {
 public:
  static constexpr std::size_t row_bytes = 384;

  /// No file; write() does nothing.
  StatusBoard() = default;
  /// Opens or makes the file. An unusable path gives a board without a file.
  explicit StatusBoard(std::filesystem::path const& path);
  ~StatusBoard();
  StatusBoard(StatusBoard const&) = delete;
  StatusBoard& operator=(StatusBoard const&) = delete;

  void write(StatusRow const& row);

 private:
  int fd_ = -1;
};

/// One row as its 384 bytes, ending in a newline; long texts are cut.
std::string format_status_row(StatusRow const& row);

/// All rows, by rank; unreadable ones have rank -1. Empty if there is no file.
std::vector<StatusRow> read_status_board(std::filesystem::path const& path);

}  // namespace gasm
