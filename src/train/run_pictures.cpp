// SPDX-License-Identifier: Apache-2.0
#include "run_pictures.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/video/frame_block.hpp"

namespace gasm {
namespace {

constexpr int kMatrixSide_px = 512;
constexpr std::int64_t kMaxClips = 4;
constexpr std::int64_t kMaxFrames = 8;

using Colour = std::array<std::uint8_t, 3>;
constexpr Colour kNone = {255, 255, 255};
constexpr Colour kAll = {8, 48, 107};
constexpr Colour kNoClips = {208, 208, 208};

Colour colour_of(double share) {
  Colour colour;
  for (std::size_t i = 0; i < colour.size(); ++i)
    colour[i] = static_cast<std::uint8_t>(
        std::lround(kNone[i] + share * (kAll[i] - kNone[i])));
  return colour;
}

void fill_square(Picture& picture, int row, int column, int side,
                 Colour const& colour) {
  for (int y = row * side; y < (row + 1) * side; ++y)
    for (int x = column * side; x < (column + 1) * side; ++x)
      std::ranges::copy(colour,
                        picture.rgb.begin() + 3 * (y * picture.width + x));
}

}  // namespace

Picture confusion_picture(std::span<std::int64_t const> confusion) {
  auto const num_classes = static_cast<int>(
      std::lround(std::sqrt(static_cast<double>(confusion.size()))));
  GASM_ASSERT(static_cast<std::size_t>(num_classes) * num_classes ==
              confusion.size());
  int const side = std::max(1, kMatrixSide_px / std::max(1, num_classes));
  Picture picture{num_classes * side, num_classes * side, {}};
  picture.rgb.resize(static_cast<std::size_t>(picture.width) *
                     static_cast<std::size_t>(picture.height) * 3);
  for (int row = 0; row < num_classes; ++row) {
    auto const counts =
        confusion.subspan(static_cast<std::size_t>(row * num_classes),
                          static_cast<std::size_t>(num_classes));
    auto const num =
        std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
    for (int column = 0; column < num_classes; ++column)
      fill_square(
          picture, row, column, side,
          num == 0 ? kNoClips
                   : colour_of(static_cast<double>(
                                   counts[static_cast<std::size_t>(column)]) /
                               static_cast<double>(num)));
  }
  return picture;
}

Picture frames_picture(at::Tensor const& clips) {
  auto const num_clips = std::min(kMaxClips, clips.size(0));
  auto const num_frames = std::min(kMaxFrames, clips.size(1));
  std::vector<std::int64_t> taken;
  std::vector<int> numbers;
  for (std::int64_t i = 0; i < num_frames; ++i)
    taken.push_back(i * clips.size(1) / num_frames);
  for (std::int64_t b = 0; b < num_clips; ++b)
    numbers.insert(numbers.end(), taken.begin(), taken.end());
  auto const frames = clips.narrow(0, 0, num_clips)
                          .index_select(1, torch::tensor(taken))
                          .permute({0, 1, 3, 4, 2})
                          .contiguous();
  auto const* bytes = frames.const_data_ptr<std::uint8_t>();
  FrameBlock const block{
      .num_frames = static_cast<int>(num_clips * num_frames),
      .height = static_cast<int>(clips.size(3)),
      .width = static_cast<int>(clips.size(4)),
      .rgb = std::vector<std::uint8_t>(bytes, bytes + frames.numel())};
  return contact_sheet(block, numbers, static_cast<int>(num_frames));
}

}  // namespace gasm
