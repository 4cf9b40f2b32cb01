// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gasm/comm/communicator.hpp"
#include "gasm/store/feature_info.hpp"
#include "gasm/store/feature_writer.hpp"

// Features whose values are known by arithmetic, for tests of their store.

namespace gasm {

enum class Stream { semantic, motion };

/// Semantic [2, 3, 4] and motion [1, 2, 5] of each view.
inline FeatureStream fake_stream(FeatureShape shape) {
  FeatureStream stream{.shape = shape, .times = {}, .places = {}};
  for (std::int64_t s = 0; s < shape.num_steps; ++s)
    stream.times.push_back(
        {0.25F * static_cast<float>(s), 0.25F * static_cast<float>(s + 1)});
  for (std::int64_t l = 0; l < shape.num_tokens; ++l)
    stream.places.push_back({0.5F, 0.125F * static_cast<float>(l)});
  return stream;
}

/// Clip i is called "i * i + 1", has 20 + i frames and the label 0, 1, 2, -1
/// (not known), 0, ...
inline FeatureStoreContents fake_contents(std::int64_t num_clips,
                                          std::int64_t num_views = 1) {
  FeatureStoreContents contents;
  contents.split = "train";
  contents.classes = {"Pushing something", "Lifting a caf\u00e9 cup",
                      "Doing nothing"};
  for (std::int64_t i = 0; i < num_clips; ++i)
    contents.clips.push_back(
        {.id = std::to_string(i * i + 1),
         .label = static_cast<std::int16_t>(i % 4 == 3 ? -1 : i % 4),
         .num_frames = static_cast<std::uint32_t>(20 + i)});
  contents.clips_hash = "0123456789abcdef";
  contents.provenance = "model.semantic.tap: 12\ndata.sampling.frames: 16\n";
  contents.num_views = num_views;
  contents.batch = 2;
  contents.semantic = fake_stream({2, 3, 4});
  contents.motion = fake_stream({1, 2, 5});
  return contents;
}

/// Value k of a view: a whole number below 2048, which half precision holds.
inline int fake_value(std::int64_t clip, std::int64_t view, Stream stream,
                      std::int64_t k) {
  auto const n =
      131 * clip + 37 * view + 3 * k + (stream == Stream::motion ? 500 : 0);
  return static_cast<int>(n % 2000) - 1000;
}

/// The class of a view: the clip's, and the next one in odd views.
inline std::int16_t fake_view_label(FeatureStoreContents const& contents,
                                    std::int64_t clip, std::int64_t view) {
  auto const own = contents.clips[static_cast<std::size_t>(clip)].label;
  if (own < 0 || view % 2 == 0) return own;
  return static_cast<std::int16_t>((own + 1) % 3);
}

/// IEEE 754 half precision of a whole number, |n| < 2048.
inline std::uint16_t half_of(int n) {
  if (n == 0) return 0;
  auto const size = static_cast<unsigned>(std::abs(n));
  auto const exponent = static_cast<unsigned>(std::bit_width(size)) - 1;
  auto const mantissa = ((size << 10U) >> exponent) & 0x3ffU;
  return static_cast<std::uint16_t>((n < 0 ? 0x8000U : 0U) |
                                    ((exponent + 15U) << 10U) | mantissa);
}

template <class T>
void append_bytes(std::vector<std::byte>& bytes, T value) {
  auto const start = bytes.size();
  bytes.resize(start + sizeof value);
  std::memcpy(bytes.data() + start, &value, sizeof value);
}

/// All values of one view in the file's type; nothing without the stream.
inline std::vector<std::byte> fake_features(
    FeatureStoreContents const& contents, std::int64_t clip, std::int64_t view,
    Stream stream) {
  auto const& info =
      stream == Stream::semantic ? contents.semantic : contents.motion;
  std::vector<std::byte> bytes;
  if (!info) return bytes;
  for (std::int64_t k = 0; k < info->shape.num_values(); ++k) {
    int const value = fake_value(clip, view, stream, k);
    if (contents.type == FeatureType::fp16)
      append_bytes(bytes, half_of(value));
    else
      append_bytes(bytes, static_cast<float>(value));
  }
  return bytes;
}

/// What a rank writes of one unit.
struct FakeUnit {
  std::vector<std::byte> semantic;
  std::vector<std::byte> motion;
  std::vector<std::int16_t> labels;
};

inline FakeUnit fake_unit(FeatureStoreContents const& contents,
                          std::int64_t unit) {
  FakeUnit made;
  auto const num = static_cast<std::int64_t>(contents.clips.size());
  auto const end = std::min(num, (unit + 1) * contents.batch);
  for (auto clip = unit * contents.batch; clip < end; ++clip)
    for (std::int64_t view = 0; view < contents.num_views; ++view) {
      for (auto const stream : {Stream::semantic, Stream::motion}) {
        auto const bytes = fake_features(contents, clip, view, stream);
        auto& all = stream == Stream::semantic ? made.semantic : made.motion;
        all.insert(all.end(), bytes.begin(), bytes.end());
      }
      made.labels.push_back(fake_view_label(contents, clip, view));
    }
  return made;
}

inline Result<void> write_fake_unit(FeatureWriter& writer,
                                    FeatureStoreContents const& contents,
                                    std::int64_t unit) {
  auto const made = fake_unit(contents, unit);
  return writer.write(unit, made.semantic, made.motion, made.labels);
}

/// Writes those of this rank's units that are not done; rank r has r, r + R,
/// r + 2 R, ... Collective.
inline void write_fake_store(Communicator const& comm,
                             std::filesystem::path const& path,
                             FeatureStoreContents const& contents,
                             UnfinishedUse use = UnfinishedUse::go_on) {
  auto writer = FeatureWriter::open(comm, path, contents, use);
  for (std::int64_t unit = comm.rank(); unit < writer.num_units();
       unit += comm.size())
    if (!writer.is_done(unit))
      value_or_throw(write_fake_unit(writer, contents, unit));
  writer.finish(comm);
}

}  // namespace gasm
