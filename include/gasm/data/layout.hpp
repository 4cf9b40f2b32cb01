// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/config/field.hpp"
#include "gasm/data/store_choice.hpp"
#include "gasm/store/record_file.hpp"

namespace gasm {

enum class FileSystem {
  lustre,
  nfs,
  gpfs,
  beegfs,
  ext4,
  xfs,
  btrfs,
  tmpfs,
  overlay,
  other
};
constexpr auto choices(FileSystem) {
  return std::array{Choice{FileSystem::lustre, "lustre"},
                    Choice{FileSystem::nfs, "nfs"},
                    Choice{FileSystem::gpfs, "gpfs"},
                    Choice{FileSystem::beegfs, "beegfs"},
                    Choice{FileSystem::ext4, "ext4"},
                    Choice{FileSystem::xfs, "xfs"},
                    Choice{FileSystem::btrfs, "btrfs"},
                    Choice{FileSystem::tmpfs, "tmpfs"},
                    Choice{FileSystem::overlay, "overlay"},
                    Choice{FileSystem::other, "other"}};
}

/// Over how many servers a file lies, in pieces of how many bytes.
struct Stripes {
  std::int64_t count = 1;
  std::uint64_t size_bytes = 0;
  bool operator==(Stripes const&) const = default;
};

/// What advice follows from.
struct LayoutFacts {
  std::uint64_t num_bytes = 0;            ///< of all records
  std::vector<ByteRange> parts;           ///< of a file that is there
  std::optional<FileSystem> file_system;  ///< that it lies on, or will
  std::optional<Stripes> stripes;         ///< if the file system told
  std::uint64_t free_bytes = 0;           ///< memory of a machine
  int num_ranks = 1;
  int ranks_per_node = 1;
};

/// What a store mode needs.
struct ModeNeed {
  StoreMode mode = StoreMode::direct;
  std::uint64_t kept_bytes = 0;  ///< of memory, on each machine
  bool fits = false;             ///< into half of free_bytes, as auto asks
};

struct LayoutAdvice {
  int num_nodes = 1;
  StoreChoice choice;  ///< what data.store: auto would take
  std::vector<ModeNeed> needs;
  int readers_per_node = 1;  ///< ranks that read at the same time
  Stripes stripes;           ///< to be set before the file is written
  /// The largest power of two up to 1 MiB that all parts begin at multiples
  /// of; 0 for a file that is not there yet.
  std::uint64_t alignment_bytes = 0;
  /// Until the store is in memory, at 1 GB/s a machine; 0 for modes that keep
  /// nothing.
  double fill_s = 0.0;
  std::vector<std::string> sentences;  ///< what to do, most important first
};

/// A pure function of the facts. Throws a usage error if there are no bytes,
/// no ranks, or more ranks on a node than in the job.
LayoutAdvice advise_layout(LayoutFacts const& facts);

/// The file system that `path` lies on. Fails if there is no such path.
Result<FileSystem> file_system_of(std::filesystem::path const& path);

/// What `lfs getstripe` says of a file; nothing where there is no such
/// program, or it knows the file system for none of its own.
std::optional<Stripes> lustre_stripes(std::filesystem::path const& path);

/// Size, places, file system and stripes of a clips.h5 or features.h5; memory
/// and ranks are the caller's to fill in.
Result<LayoutFacts> read_layout(std::filesystem::path const& path);

}  // namespace gasm
