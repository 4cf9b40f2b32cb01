// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"

namespace gasm {

/// One file of an archive that is published in pieces: STEM-00, STEM-01, ...
struct ArchivePart {
  std::filesystem::path path;
  int number = 0;  ///< 1 of STEM-01
  std::uint64_t num_bytes = 0;

  std::string name() const { return path.filename().string(); }
};

/// The pieces of one archive in the order in which their bytes follow each
/// other: that of their numbers.
struct ArchiveParts {
  std::string stem;  ///< "20bn-something-something-v2"; a single file's name
  std::vector<ArchivePart> parts;  ///< at least one
  /// Files beside them whose names begin with the stem but are no part's,
  /// e.g. unfinished downloads. They are not read.
  std::vector<std::string> strangers;

  std::uint64_t num_bytes() const;
};

/// Finds the parts in a folder: names that end in '-' and two digits, all
/// with the same stem. A file in place of a folder is an archive of one part.
/// Fails if there is none, if there are two stems, or on what is no file.
Result<ArchiveParts> find_parts(std::filesystem::path const& place);

/// What is wrong with the parts before a byte is unpacked, a sentence each
/// that says what to fetch again or rename: missing numbers, empty parts, a
/// first part that is no gzip file (and which one is, if any). Reads the
/// first bytes of each part.
std::vector<std::string> find_part_problems(ArchiveParts const& parts);

/// Does the file begin as a gzip stream does? False if it cannot be read.
bool starts_like_gzip(std::filesystem::path const& path);

}  // namespace gasm
