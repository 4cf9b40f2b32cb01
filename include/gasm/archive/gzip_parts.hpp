// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "gasm/archive/archive_parts.hpp"
#include "gasm/base/result.hpp"

namespace gasm {

struct GzipLimits {
  /// Bytes that one byte of the archive may become, on the average, once
  /// `bomb_free_bytes` have come out. Videos hardly shrink; gzip can make
  /// 1000 of one.
  std::uint64_t max_ratio = 100;
  std::uint64_t bomb_free_bytes = std::uint64_t{1} << 26;
};

/// Unpacks a gzip stream whose bytes lie in several files, in one pass and
/// without joining them. Serial by nature: each byte depends on those before.
/// Checksum (CRC-32) and length of the stream are verified at its end; streams
/// that follow each other count as one, and zeros after the last are ignored,
/// both as gzip itself does.
class GzipParts {
 public:
  explicit GzipParts(ArchiveParts parts, GzipLimits const& limits = {});
  ~GzipParts();
  GzipParts(GzipParts&&) noexcept;
  GzipParts& operator=(GzipParts&&) noexcept;

  /// Fills the front of `out`, which is not empty, and returns how much of
  /// it. 0: the stream ended, whole and sound, with the last part. A failure
  /// names the part and what to fetch again (blame()); it stays one.
  Result<std::size_t> read(std::span<std::byte> out);

  /// Bytes of the parts read so far, and bytes made of them.
  std::uint64_t num_read_bytes() const;
  std::uint64_t num_bytes() const;

  /// "at byte 12 of NAME-01 (...). Try to fetch NAME-01 again": what is
  /// probably wrong if the bytes unpacked last make no sense, told from where
  /// the parts meet. Tries other parts as the continuation of the one before,
  /// so it may read some megabytes of each.
  std::string blame() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gasm
