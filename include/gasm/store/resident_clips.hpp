// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/store/clip_store.hpp"

namespace gasm {

/// All bytes of a clip store in memory (data.store: resident): reading a clip
/// then costs nothing and cannot fail. Takes total_bytes() of memory a rank.
class ResidentClips {
 public:
  /// Reads the whole store in large pieces and checks every clip. Fails as
  /// ClipStore::bytes does, and if there is not enough memory. `store` is not
  /// needed afterwards.
  static Result<ResidentClips> load(ClipStore const& store);

  std::int64_t size() const {
    return static_cast<std::int64_t>(offsets_.size()) - 1;
  }
  /// The video file of clip i, valid as long as this object.
  std::span<std::byte const> bytes(std::int64_t i) const;

 private:
  ResidentClips() = default;
  std::unique_ptr<std::byte[]> data_;
  std::vector<std::uint64_t> offsets_;  // N + 1
};

}  // namespace gasm
