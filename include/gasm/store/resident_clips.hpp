// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/store/clip_store.hpp"

namespace gasm {

/// All bytes of a clip store in memory (data.store: resident): reading a clip
/// then costs nothing. Takes total_bytes() of memory a rank.
class ResidentClips {
 public:
  /// Reads the whole store in large pieces and checks every clip. Fails if
  /// the file cannot be read or there is not enough memory; a clip that was
  /// changed fails when it is asked for. `store` is not needed afterwards.
  static Result<ResidentClips> load(ClipStore const& store);

  std::int64_t size() const {
    return static_cast<std::int64_t>(offsets_.size()) - 1;
  }
  /// The video file of clip i, valid as long as this object. Fails, naming
  /// path and clip, if the bytes are not those that were packed.
  Result<std::span<std::byte const>> bytes(std::int64_t i) const;

 private:
  ResidentClips() = default;
  std::span<std::byte const> slice(std::int64_t i) const;

  std::unique_ptr<std::byte[]> data_;
  std::vector<std::uint64_t> offsets_;     // N + 1
  std::map<std::int64_t, Error> changed_;  // clips that are not as packed
};

}  // namespace gasm
