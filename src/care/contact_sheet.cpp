// SPDX-License-Identifier: Apache-2.0
#include "gasm/care/contact_sheet.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

constexpr int kGap_px = 4;
constexpr double kScreenAspect = 16.0 / 9.0;
constexpr std::uint8_t kGapLevel = 24;

// Digits of 3 x 5 dots, a row an octal digit.
constexpr std::array<std::array<int, 5>, 10> kDigits = {{
    {7, 5, 5, 5, 7},
    {2, 6, 2, 2, 7},
    {7, 1, 7, 4, 7},
    {7, 1, 7, 1, 7},
    {5, 5, 7, 1, 1},
    {7, 4, 7, 1, 7},
    {7, 4, 7, 5, 7},
    {7, 1, 1, 2, 2},
    {7, 5, 7, 5, 7},
    {7, 5, 7, 1, 7},
}};

class Canvas {
 public:
  Canvas(int width, int height) {
    picture_.width = width;
    picture_.height = height;
    picture_.rgb.assign(
        static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3,
        kGapLevel);
  }

  /// Fills a box, cut off at the borders.
  void fill(int x, int y, int width, int height, std::uint8_t level) {
    for (int row = std::max(0, y); row < std::min(y + height, picture_.height);
         ++row)
      for (int column = std::max(0, x);
           column < std::min(x + width, picture_.width); ++column)
        std::fill_n(pixel(column, row), 3, level);
  }

  void paste(FrameBlock const& block, int k, int x, int y) {
    auto const frame = block.frame(k);
    auto const row_bytes = static_cast<std::size_t>(block.width) * 3;
    for (int row = 0; row < block.height; ++row)
      std::copy_n(
          frame.begin() + static_cast<std::ptrdiff_t>(
                              row_bytes * static_cast<std::size_t>(row)),
          row_bytes, pixel(x, y + row));
  }

  /// White digits on black, dots of `dot` pixels.
  void write(std::string const& digits, int x, int y, int dot) {
    auto const num = static_cast<int>(digits.size());
    fill(x, y, (4 * num + 1) * dot, 7 * dot, 0);
    for (int i = 0; i < num; ++i) {
      auto const& rows = kDigits[static_cast<std::size_t>(
          digits[static_cast<std::size_t>(i)] - '0')];
      for (int row = 0; row < 5; ++row)
        for (int column = 0; column < 3; ++column)
          if ((rows[static_cast<std::size_t>(row)] >> (2 - column)) & 1)
            fill(x + (4 * i + 1 + column) * dot, y + (1 + row) * dot, dot, dot,
                 255);
    }
  }

  Picture take() { return std::move(picture_); }

 private:
  std::uint8_t* pixel(int x, int y) {
    return picture_.rgb.data() +
           3 * (static_cast<std::size_t>(y) *
                    static_cast<std::size_t>(picture_.width) +
                static_cast<std::size_t>(x));
  }
  Picture picture_;
};

int fitting_columns(FrameBlock const& block) {
  double const n = block.num_frames;
  double const columns =
      std::sqrt(n * kScreenAspect * block.height / block.width);
  return std::clamp(static_cast<int>(std::lround(columns)), 1,
                    block.num_frames);
}

}  // namespace

Picture contact_sheet(FrameBlock const& block, std::vector<int> const& numbers,
                      int num_columns) {
  if (num_columns < 0 || block.num_frames < 1)
    throw usage_error("cannot lay {} frames out in {} columns",
                      block.num_frames, num_columns);
  GASM_ASSERT(std::ssize(numbers) == block.num_frames);
  int const columns = num_columns > 0 ? std::min(num_columns, block.num_frames)
                                      : fitting_columns(block);
  int const rows = (block.num_frames + columns - 1) / columns;
  int const step_x = block.width + kGap_px;
  int const step_y = block.height + kGap_px;
  Canvas canvas(columns * step_x - kGap_px, rows * step_y - kGap_px);
  int const dot = std::max(1, block.height / 80);
  for (int k = 0; k < block.num_frames; ++k) {
    int const x = k % columns * step_x;
    int const y = k / columns * step_y;
    canvas.paste(block, k, x, y);
    canvas.write(std::to_string(numbers[static_cast<std::size_t>(k)]), x, y,
                 dot);
  }
  return canvas.take();
}

}  // namespace gasm
