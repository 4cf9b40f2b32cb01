// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/image_ops.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

using Bytes = std::span<std::uint8_t>;
using Table = std::array<std::uint8_t, 256>;
using Histogram = std::array<std::uint32_t, 256>;

constexpr std::size_t kChannels = 3;

std::size_t frame_bytes(FrameSize size) {
  return kChannels * static_cast<std::size_t>(size.width_px) *
         static_cast<std::size_t>(size.height_px);
}

template <class Change>
void for_each_frame(Bytes frames, FrameSize size, Change change) {
  auto const step = frame_bytes(size);
  GASM_ASSERT(step > 0 && frames.size() % step == 0);
  for (std::size_t at = 0; at < frames.size(); at += step)
    change(frames.subspan(at, step));
}

template <class Map>
Table make_table(Map map) {
  Table table;
  for (int level = 0; level < 256; ++level)
    table[static_cast<std::size_t>(level)] =
        static_cast<std::uint8_t>(std::clamp<int>(map(level), 0, 255));
  return table;
}

void look_up(Bytes bytes, Table const& table) {
  for (auto& level : bytes) level = table[level];
}

void look_up(Bytes frame, std::array<Table, kChannels> const& tables) {
  for (std::size_t at = 0; at < frame.size(); at += kChannels)
    for (std::size_t c = 0; c < kChannels; ++c)
      frame[at + c] = tables[c][frame[at + c]];
}

std::array<Histogram, kChannels> histograms(Bytes frame) {
  std::array<Histogram, kChannels> counts{};
  for (std::size_t at = 0; at < frame.size(); at += kChannels)
    for (std::size_t c = 0; c < kChannels; ++c) ++counts[c][frame[at + c]];
  return counts;
}

template <class MakeTable>
void change_by_histogram(Bytes frames, FrameSize size, MakeTable make) {
  for_each_frame(frames, size, [&](Bytes frame) {
    auto const counts = histograms(frame);
    look_up(frame,
            std::array{make(counts[0]), make(counts[1]), make(counts[2])});
  });
}

Table identity() {
  return make_table([](int level) { return level; });
}

Table stretched(Histogram const& counts) {
  auto const is_used = [](std::uint32_t count) { return count > 0; };
  auto const low = static_cast<int>(
      std::find_if(counts.begin(), counts.end(), is_used) - counts.begin());
  auto const high =
      255 -
      static_cast<int>(std::find_if(counts.rbegin(), counts.rend(), is_used) -
                       counts.rbegin());
  if (high <= low) return identity();
  double const scale = 255.0 / (high - low);
  double const offset = -low * scale;
  return make_table(
      [&](int level) { return static_cast<int>(level * scale + offset); });
}

Table equalised(Histogram const& counts) {
  std::uint32_t total = 0;
  std::uint32_t last = 0;
  int num_used = 0;
  for (auto const count : counts) {
    if (count == 0) continue;
    total += count;
    last = count;
    ++num_used;
  }
  auto const step = (total - last) / 255;
  if (num_used <= 1 || step == 0) return identity();
  auto sum = step / 2;
  return make_table([&](int level) {
    auto const mapped = static_cast<int>(sum / step);
    sum += counts[static_cast<std::size_t>(level)];
    return mapped;
  });
}

// Pillow's luma, in 16 bits of fraction.
int grey_of(std::uint8_t const* rgb) {
  return (rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16;
}

// From `other` (factor 0) to `level` (factor 1) and beyond.
std::uint8_t blend(int other, int level, float factor) {
  float const mixed =
      static_cast<float>(other) + factor * static_cast<float>(level - other);
  return static_cast<std::uint8_t>(std::clamp(mixed, 0.0F, 255.0F));
}

Table blend_table(int other, float factor) {
  return make_table([&](int level) { return blend(other, level, factor); });
}

// Sharpens row y from the rows above, at and below it as they were.
void sharpen_row(std::uint8_t const* above, std::uint8_t const* here,
                 std::uint8_t const* below, std::size_t num_bytes, float factor,
                 std::uint8_t* out) {
  for (std::size_t x = kChannels; x < num_bytes - kChannels; ++x) {
    int const sum = above[x - 3] + above[x] + above[x + 3] + here[x - 3] +
                    5 * here[x] + here[x + 3] + below[x - 3] + below[x] +
                    below[x + 3];
    int const smooth = (2 * sum + 13) / 26;  // sum / 13, to the nearest
    float const mixed = static_cast<float>(smooth) +
                        factor * static_cast<float>(here[x] - smooth);
    out[x] = static_cast<std::uint8_t>(
        static_cast<int>(std::min(std::max(mixed, 0.0F), 255.0F)));
  }
}

void sharpen_frame(Bytes frame, FrameSize size, float factor) {
  auto const row_bytes = kChannels * static_cast<std::size_t>(size.width_px);
  if (size.width_px < 3 || size.height_px < 3) return;
  std::vector<std::uint8_t> above(
      frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(row_bytes));
  std::vector<std::uint8_t> here(row_bytes);
  for (int y = 1; y + 1 < size.height_px; ++y) {
    auto* const row = frame.data() + static_cast<std::size_t>(y) * row_bytes;
    std::copy_n(row, row_bytes, here.data());
    sharpen_row(above.data(), here.data(), row + row_bytes, row_bytes, factor,
                row);
    std::swap(above, here);
  }
}

}  // namespace

void posterize(Bytes frames, int num_bits) {
  if (num_bits >= 8) return;
  int const mask = 0xff & ~((1 << (8 - num_bits)) - 1);
  look_up(frames, make_table([&](int level) { return level & mask; }));
}

void solarize(Bytes frames, int threshold) {
  look_up(frames, make_table([&](int level) {
            return level < threshold ? level : 255 - level;
          }));
}

void solarize_add(Bytes frames, int added) {
  look_up(frames, make_table([&](int level) {
            return level < 128 ? std::min(255, level + added) : level;
          }));
}

void invert(Bytes frames) {
  look_up(frames, make_table([](int level) { return 255 - level; }));
}

void autocontrast(Bytes frames, FrameSize size) {
  change_by_histogram(frames, size, stretched);
}

void equalize(Bytes frames, FrameSize size) {
  change_by_histogram(frames, size, equalised);
}

void adjust_colour(Bytes frames, float factor) {
  for (std::size_t at = 0; at < frames.size(); at += kChannels) {
    int const grey = grey_of(&frames[at]);
    for (std::size_t c = 0; c < kChannels; ++c)
      frames[at + c] = blend(grey, frames[at + c], factor);
  }
}

void adjust_contrast(Bytes frames, FrameSize size, float factor) {
  for_each_frame(frames, size, [&](Bytes frame) {
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < frame.size(); at += kChannels)
      sum += static_cast<std::uint64_t>(grey_of(&frame[at]));
    std::uint64_t const num = frame.size() / kChannels;
    auto const mean = static_cast<int>((2 * sum + num) / (2 * num));
    look_up(frame, blend_table(mean, factor));
  });
}

void adjust_brightness(Bytes frames, float factor) {
  look_up(frames, blend_table(0, factor));
}

void adjust_sharpness(Bytes frames, FrameSize size, float factor) {
  for_each_frame(frames, size,
                 [&](Bytes frame) { sharpen_frame(frame, size, factor); });
}

}  // namespace gasm
