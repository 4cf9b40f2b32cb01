// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gasm/base/file.hpp"
#include "gasm/base/file_lock.hpp"
#include "gasm/base/result.hpp"

namespace gasm {

/// One video of a spool: bytes [offset, offset + num_bytes) of the file.
struct SpoolEntry {
  std::string name;  ///< of the file it was: "7.webm"
  std::uint64_t offset = 0;
  std::uint64_t num_bytes = 0;
  std::uint64_t xxh64 = 0;

  bool operator==(SpoolEntry const&) const = default;
};

/// What a spool's journal, PATH.index, says.
struct SpoolIndex {
  std::vector<SpoolEntry> entries;  ///< in the file's order, without gaps
  bool is_complete = false;         ///< the last line says that all are there

  std::uint64_t num_bytes() const;
};

/// The journal beside a spool.
std::filesystem::path spool_index_path(std::filesystem::path const& spool);

/// Reads a journal's text: as far as its lines are whole and fit each other,
/// which is how far a process came that was killed while writing. Fails if
/// the first line is whole and no spool's.
Result<SpoolIndex> parse_spool_index(std::string_view text,
                                     std::filesystem::path const& path);

/// Many videos in one file, one after the other, and a journal with a line
/// for each (docs/formats.md): what an archive of 220,847 files becomes
/// without as many files. Written by one process, which may be killed at any
/// byte: opened again, the spool holds the videos whose line is whole, and
/// goes on behind them.
class SpoolWriter {
 public:
  /// Creates PATH and PATH.index or goes on with them. Fails if they cannot
  /// be written, are another program's, or another process writes them.
  static Result<SpoolWriter> open(std::filesystem::path const& path);

  /// What is there: at the start, what earlier processes wrote.
  SpoolIndex const& index() const { return index_; }

  /// Appends a video, then its line.
  Result<void> append(std::string const& name,
                      std::span<std::byte const> bytes);
  /// Are the bytes of entry i in the file? Not if a power cut came between.
  bool holds(std::size_t i, std::span<std::byte const> bytes) const;
  /// Cuts off entry `num_entries` and all behind it.
  Result<void> cut(std::size_t num_entries);
  /// Flushes everything to the disk and writes the line that says that all
  /// videos are there. Does nothing if it is there already.
  Result<void> complete();

 private:
  SpoolWriter(std::filesystem::path path, FileLock lock, FileWriter data,
              FileWriter journal)
      : path_(std::move(path)),
        lock_(std::move(lock)),
        data_(std::move(data)),
        journal_(std::move(journal)) {}

  std::filesystem::path path_;
  FileLock lock_;
  FileWriter data_;
  FileWriter journal_;
  SpoolIndex index_;
};

}  // namespace gasm
