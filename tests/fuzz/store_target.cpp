// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/hash.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/store/resident_clips.hpp"
#include "targets.hpp"

namespace gasm::fuzz {
namespace {

void check_clip(ClipStore const& store, std::int64_t i) {
  auto const& info = store.info(i);
  promise(info.label >= -1 &&
              info.label < static_cast<std::int64_t>(store.classes().size()),
          "a label is one of a class");
  auto const bytes = store.bytes(i);
  if (!bytes) return;
  promise(bytes->size() == info.num_bytes && xxh64(*bytes) == info.xxh64,
          "the bytes are those that were packed");
}

}  // namespace

void read_store(std::span<std::byte const> input) {
  auto const store = ClipStore::open(put("clips.h5", input));
  if (!store) return;
  promise(store->size() > 0, "a store has clips");
  promise(store->total_bytes() <= input.size(), "clips lie in the file");
  promise(data_hash(store->contents()) == store->data_hash(),
          "the data hash is that of the columns");
  for (std::int64_t i = 0; i < store->size(); ++i) check_clip(*store, i);
  auto const resident = ResidentClips::load(*store);
  if (!resident) return;
  for (std::int64_t i = 0; i < store->size(); ++i) {
    auto const bytes = resident->bytes(i);
    auto const direct = store->bytes(i);
    promise(bytes.has_value() == direct.has_value() &&
                (!bytes || std::ranges::equal(*bytes, *direct)),
            "memory holds what the file holds");
  }
}

}  // namespace gasm::fuzz
