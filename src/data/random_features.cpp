// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/random_features.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <vector>

#include "gasm/base/rng.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/store/feature_writer.hpp"

namespace gasm {
namespace {

constexpr int kNumClasses = 174;
constexpr std::int64_t kUnitClips = 64;

FeatureStream stream_of(FeatureShape const& shape) {
  FeatureStream stream;
  stream.shape = shape;
  stream.times.resize(static_cast<std::size_t>(shape.num_steps), {0.0F, 1.0F});
  stream.places.resize(static_cast<std::size_t>(shape.num_tokens),
                       {0.5F, 0.5F});
  return stream;
}

FeatureStoreContents contents_of(RandomFeatures const& options) {
  FeatureStoreContents contents;
  contents.split = "train";
  for (int k = 0; k < kNumClasses; ++k)
    contents.classes.push_back(fmt::format("class {}", k));
  Rng rng({options.seed, 0});
  for (std::int64_t i = 0; i < options.num_samples; ++i)
    contents.clips.push_back(
        {.id = std::to_string(i + 1),
         .label = static_cast<std::int16_t>(rng.below(kNumClasses)),
         .num_frames = 48});
  contents.clips_hash = "0000000000000000";
  contents.provenance = fmt::format("random: {}\n", options.seed);
  contents.batch = kUnitClips;
  contents.semantic = stream_of(options.semantic);
  contents.motion = stream_of(options.motion);
  return contents;
}

/// Four numbers at a time. Without the upper bit of its exponent a half is
/// finite and below 2.
void fill_random(std::span<std::uint64_t> words, Rng& rng) {
  for (auto& word : words) word = rng.u64() & 0xbfff'bfff'bfff'bfff;
}

Result<void> write_unit(FeatureWriter& writer,
                        FeatureStoreContents const& contents, std::int64_t unit,
                        std::uint64_t seed) {
  Rng rng({seed, 1, static_cast<std::uint64_t>(unit)});
  auto const first = static_cast<std::size_t>(unit * kUnitClips);
  auto const num =
      std::min<std::size_t>(kUnitClips, contents.clips.size() - first);
  std::vector<std::int16_t> labels;
  for (std::size_t i = 0; i < num; ++i)
    labels.push_back(contents.clips[first + i].label);
  auto const semantic_bytes = num * contents.semantic_bytes();
  auto const motion_bytes = num * contents.motion_bytes();
  std::vector<std::uint64_t> words(
      (semantic_bytes + motion_bytes + sizeof(std::uint64_t) - 1) /
      sizeof(std::uint64_t));
  fill_random(words, rng);
  auto const bytes = std::as_bytes(std::span(words));
  return writer.write(unit, bytes.first(semantic_bytes),
                      bytes.subspan(semantic_bytes, motion_bytes), labels);
}

}  // namespace

void write_random_features(Communicator const& comm,
                           std::filesystem::path const& path,
                           RandomFeatures const& options) {
  if (options.num_samples < 1)
    throw usage_error("cannot make a store of {} samples (must be at least 1)",
                      options.num_samples);
  auto const contents = contents_of(options);
  auto writer =
      FeatureWriter::open(comm, path, contents, UnfinishedUse::start_anew);
  agree_call(comm, [&] {
    for (auto unit = std::int64_t{comm.rank()}; unit < writer.num_units();
         unit += comm.size())
      value_or_throw(write_unit(writer, contents, unit, options.seed));
  });
  writer.finish(comm);
}

}  // namespace gasm
