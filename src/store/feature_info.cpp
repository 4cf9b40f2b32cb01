// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/feature_info.hpp"

#include "hash_values.hpp"

namespace gasm {
namespace {

void add_stream(Xxh64& hash, std::optional<FeatureStream> const& stream) {
  add_value(hash, std::uint8_t{stream.has_value()});
  if (!stream) return;
  add_value(hash, stream->shape.num_steps);
  add_value(hash, stream->shape.num_tokens);
  add_value(hash, stream->shape.num_channels);
  for (auto const& time : stream->times) add_value(hash, time);
  for (auto const& place : stream->places) add_value(hash, place);
}

std::size_t stream_bytes(std::optional<FeatureStream> const& stream,
                         FeatureType type) {
  if (!stream) return 0;
  return static_cast<std::size_t>(stream->shape.num_values()) * bytes_of(type);
}

}  // namespace

std::size_t FeatureStoreContents::semantic_bytes() const {
  return stream_bytes(semantic, type);
}

std::size_t FeatureStoreContents::motion_bytes() const {
  return stream_bytes(motion, type);
}

std::uint64_t index_hash(FeatureStoreContents const& contents) {
  Xxh64 hash;
  add_text(hash, contents.split);
  for (auto const& name : contents.classes) add_text(hash, name);
  add_value(hash, contents.clips.size());
  for (auto const& clip : contents.clips) {
    add_text(hash, clip.id);
    add_value(hash, clip.label);
    add_value(hash, clip.num_frames);
  }
  add_text(hash, contents.clips_hash);
  add_text(hash, contents.provenance);
  add_value(hash, static_cast<std::uint8_t>(bytes_of(contents.type)));
  add_value(hash,
            static_cast<std::uint8_t>(contents.views == FeatureViews::random));
  add_value(hash, contents.num_views);
  add_value(hash, contents.batch);
  add_stream(hash, contents.semantic);
  add_stream(hash, contents.motion);
  return hash.digest();
}

}  // namespace gasm
