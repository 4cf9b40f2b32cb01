// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"

namespace gasm {

struct ZipLimits {
  int max_members = 1000;
  /// Of all members together, unpacked.
  std::uint64_t max_bytes = std::uint64_t{1} << 29;
};

struct ZipMember {
  std::string name;  ///< as the archive says; may lead anywhere
  std::vector<std::byte> bytes;
};

/// All files of a small zip archive, unpacked into memory with their
/// checksums verified. Fails, naming the member, for an archive that is
/// damaged, encrypted or passes a limit.
Result<std::vector<ZipMember>> read_zip(std::filesystem::path const& path,
                                        ZipLimits const& limits = {});

}  // namespace gasm
