// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/resident_clips.hpp"

#include <new>

namespace gasm {

Result<ResidentClips> ResidentClips::load(ClipStore const& store) {
  ResidentClips resident;
  auto const total = store.total_bytes();
  // Without value initialisation: every byte is about to be read.
  resident.data_.reset(new (std::nothrow) std::byte[total]);
  if (!resident.data_)
    return failure(
        "cannot hold {} in memory ({:.1f} GB). Try data.store: direct",
        store.path().string(), static_cast<double>(total) * 1e-9);
  resident.offsets_ = store.offsets_;
  auto const all = std::span(resident.data_.get(), total);
  if (auto done = store.file_.read(store.data_start_, all); !done)
    return tl::unexpected(done.error());
  for (std::int64_t i = 0; i < store.size(); ++i)
    if (auto done = store.check_bytes(i, resident.slice(i)); !done)
      resident.changed_.emplace(i, done.error());
  return resident;
}

Result<std::span<std::byte const>> ResidentClips::bytes(std::int64_t i) const {
  GASM_ASSERT(i >= 0 && i < size());
  if (auto const found = changed_.find(i); found != changed_.end())
    return tl::unexpected(found->second);
  return slice(i);
}

std::span<std::byte const> ResidentClips::slice(std::int64_t i) const {
  auto const start = offsets_[static_cast<std::size_t>(i)];
  auto const end = offsets_[static_cast<std::size_t>(i) + 1];
  return {data_.get() + start, end - start};
}

}  // namespace gasm
