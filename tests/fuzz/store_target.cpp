// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>

#include "gasm/base/hash.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/store/feature_store.hpp"
#include "gasm/store/record_reader.hpp"
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

/// Memory holds what the file holds, and both say the same of damage.
void check_records(SampleStore const& store) {
  auto const resident =
      caught([&] { return make_resident_reader(Communicator::self(), store); });
  for (std::int64_t i = 0; i < store.num_records(); ++i) {
    auto const direct = read_record(store, i);
    if (!resident) continue;
    auto const record = (*resident)->read(i);
    promise(record.has_value() == direct.has_value(),
            "memory refuses what the file refuses");
    for (std::size_t part = 0; record && part < store.num_parts(); ++part)
      promise(std::ranges::equal(record->parts[part], direct->parts[part]),
              "memory holds what the file holds");
  }
}

void read_clips(ClipStore const& store, std::size_t file_bytes) {
  promise(store.size() > 0, "a store has clips");
  promise(store.total_bytes() <= file_bytes, "clips lie in the file");
  promise(data_hash(store.contents()) == store.data_hash(),
          "the data hash is that of the columns");
  for (std::int64_t i = 0; i < store.size(); ++i) check_clip(store, i);
  check_records(store);
}

void check_stream(std::optional<FeatureStream> const& stream) {
  if (!stream) return;
  auto const& shape = stream->shape;
  promise(shape.num_steps > 0 && shape.num_tokens > 0 && shape.num_channels > 0,
          "a stream has values");
  promise(std::ssize(stream->times) == shape.num_steps &&
              std::ssize(stream->places) == shape.num_tokens,
          "every step has its time and every token its place");
}

void read_features(FeatureStore const& store, std::size_t file_bytes) {
  auto const& contents = store.contents();
  promise(store.size() > 0 && contents.num_views > 0 && contents.batch > 0,
          "a store has clips and views");
  promise(contents.semantic || contents.motion, "a store has a stream");
  check_stream(contents.semantic);
  check_stream(contents.motion);
  auto const num_classes = std::ssize(contents.classes);
  for (std::int64_t i = 0; i < store.size(); ++i)
    promise(store.label(i) >= -1 && store.label(i) < num_classes,
            "a label is one of a class");
  for (std::int64_t i = 0; i < store.num_records(); ++i) {
    promise(store.record_label(i) >= -1 && store.record_label(i) < num_classes,
            "a view's label is one of a class");
    for (std::size_t part = 0; part < store.num_parts(); ++part)
      promise(store.range(i, part).end() <= file_bytes,
              "features lie in the file");
  }
  check_records(store);
}

}  // namespace

void read_store(std::span<std::byte const> input) {
  auto const path = put("store.h5", input);
  auto const clips = ClipStore::open(path);
  if (clips) {
    read_clips(*clips, input.size());
    return;
  }
  // Only with that schema would it be more than the same refusal again.
  std::string_view const why = clips.error().what();
  if (why.find("'gasm.features'") == std::string_view::npos) return;
  if (auto const features = FeatureStore::open(path))
    read_features(*features, input.size());
}

}  // namespace gasm::fuzz
