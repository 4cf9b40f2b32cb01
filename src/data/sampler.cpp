// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/sampler.hpp"

#include <algorithm>

#include "gasm/base/error.hpp"
#include "gasm/base/rng.hpp"

namespace gasm {
namespace {

// Keep these draws apart from others keyed by a seed and an epoch.
constexpr std::uint64_t kOrderStream = 0x6f72646572;     // "order"
constexpr std::uint64_t kBlockStream = 0x626c6f636b;     // "block"
constexpr std::uint64_t kWindowStream = 0x77696e646f77;  // "window"

BlockShuffle checked(BlockShuffle shuffle) {
  if (shuffle.block < 1 || shuffle.window_blocks < 1)
    throw error("cannot shuffle {} blocks of {} samples at a time",
                shuffle.window_blocks, shuffle.block);
  return shuffle;
}

}  // namespace

EpochOrder::EpochOrder(std::int64_t num_samples) : num_samples_(num_samples) {
  if (num_samples < 0)
    throw error("an epoch cannot have {} samples", num_samples);
}

EpochOrder::EpochOrder(std::uint64_t seed, std::int64_t epoch,
                       std::int64_t num_samples)
    : EpochOrder(num_samples) {
  whole_.emplace(num_samples,
                 Rng{seed, static_cast<std::uint64_t>(epoch), kOrderStream});
}

EpochOrder::EpochOrder(std::uint64_t seed, std::int64_t epoch,
                       std::int64_t num_samples, BlockShuffle shuffle)
    : EpochOrder(num_samples) {
  auto const block = checked(shuffle).block;
  auto const num_blocks = (num_samples + block - 1) / block;
  Permutation const order(
      num_blocks, Rng{seed, static_cast<std::uint64_t>(epoch), kBlockStream});
  auto const last = num_blocks > 0 ? order.position_of(num_blocks - 1) : 0;
  blocks_.emplace(Blocks{shuffle, order, last, num_blocks * block - num_samples,
                         seed, epoch});
}

EpochOrder EpochOrder::identity(std::int64_t num_samples) {
  return EpochOrder(num_samples);
}

std::int64_t EpochOrder::sample_at(std::int64_t position) const {
  if (position < 0 || position >= num_samples_)
    throw error("position {} is outside an epoch of {} samples", position,
                num_samples_);
  if (whole_) return whole_->at(position);
  return blocks_ ? sample_in_blocks(position) : position;
}

std::int64_t EpochOrder::window_start(std::int64_t window) const {
  auto const first_block = window * blocks_->shuffle.window_blocks;
  auto const missing =
      blocks_->short_block < first_block ? blocks_->num_missing : 0;
  return std::min(num_samples_, first_block * blocks_->shuffle.block - missing);
}

std::int64_t EpochOrder::window_of(std::int64_t position) const {
  if (!blocks_) return 0;
  auto const guess =
      position / (blocks_->shuffle.window_blocks * blocks_->shuffle.block);
  // The short block may lie before: windows then begin earlier.
  return position >= window_start(guess + 1) ? guess + 1 : guess;
}

std::int64_t EpochOrder::sample_in_blocks(std::int64_t position) const {
  auto const& [shuffle, order, short_block, num_missing, seed, epoch] =
      *blocks_;
  auto const window = window_of(position);
  auto const start = window_start(window);
  Permutation const mixed(
      window_start(window + 1) - start,
      Rng{seed, static_cast<std::uint64_t>(epoch), kWindowStream,
          static_cast<std::uint64_t>(window)});
  auto place = window * shuffle.window_blocks * shuffle.block +
               mixed.at(position - start);
  // As if the short block were as long as the others.
  bool const is_within = short_block >= window * shuffle.window_blocks;
  if (is_within && place >= (short_block + 1) * shuffle.block - num_missing)
    place += num_missing;
  return order.at(place / shuffle.block) * shuffle.block +
         place % shuffle.block;
}

}  // namespace gasm
