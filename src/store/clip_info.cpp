// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/clip_info.hpp"

#include "hash_values.hpp"

namespace gasm {
std::uint64_t data_hash(ClipStoreContents const& contents) {
  Xxh64 hash;
  for (auto const& clip : contents.clips) add_value(hash, clip.xxh64);
  for (auto const& clip : contents.clips) add_value(hash, clip.label);
  for (auto const& clip : contents.clips) add_text(hash, clip.id);
  return hash.digest();
}

std::uint64_t index_hash(ClipStoreContents const& contents) {
  Xxh64 hash;
  add_text(hash, contents.split);
  for (auto const& name : contents.classes) add_text(hash, name);
  for (auto const& clip : contents.clips) {
    add_value(hash, clip.num_bytes);
    add_value(hash, clip.num_frames);
    add_value(hash, clip.width);
    add_value(hash, clip.height);
  }
  return hash.digest();
}

}  // namespace gasm
