// SPDX-License-Identifier: Apache-2.0
#include "gasm/care/contact_sheet.hpp"

#include <gtest/gtest.h>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

/// Frame k is filled with level 10 (k + 1).
FrameBlock block(int num_frames, int height, int width) {
  FrameBlock found;
  found.num_frames = num_frames;
  found.height = height;
  found.width = width;
  for (int k = 0; k < num_frames; ++k)
    found.rgb.insert(found.rgb.end(), found.frame_bytes(),
                     static_cast<std::uint8_t>(10 * (k + 1)));
  return found;
}

int level(Picture const& picture, int x, int y) {
  return picture.rgb[3 * static_cast<std::size_t>(y * picture.width + x)];
}

TEST(ContactSheet, FramesInReadingOrder) {
  auto const sheet = contact_sheet(block(5, 20, 30), {0, 1, 2, 3, 4}, 2);
  EXPECT_EQ(sheet.width, 2 * 30 + 4);
  EXPECT_EQ(sheet.height, 3 * 20 + 2 * 4);
  ASSERT_EQ(sheet.rgb.size(), 3U * 64 * 68);
  EXPECT_EQ(level(sheet, 29, 19), 10);
  EXPECT_EQ(level(sheet, 34 + 29, 19), 20);
  EXPECT_EQ(level(sheet, 29, 24 + 19), 30);
  EXPECT_EQ(level(sheet, 63, 43), 40);
  EXPECT_EQ(level(sheet, 29, 67), 50);
  EXPECT_EQ(level(sheet, 63, 67), 24);  // no sixth frame
  EXPECT_EQ(level(sheet, 31, 10), 24);  // the gap
}

TEST(ContactSheet, NumbersStandInTheCorner) {
  auto const sheet = contact_sheet(block(1, 20, 30), {17}, 0);
  // "1" has its dots in rows 1 to 5: .#. ##. .#. .#. ###, one pixel a dot.
  std::string seen;
  for (int y = 1; y <= 5; ++y)
    for (int x = 1; x <= 3; ++x) seen += level(sheet, x, y) == 255 ? '#' : '.';
  EXPECT_EQ(seen, ".#.##..#..#.###");
  seen.clear();
  for (int y = 1; y <= 5; ++y)
    for (int x = 5; x <= 7; ++x) seen += level(sheet, x, y) == 255 ? '#' : '.';
  EXPECT_EQ(seen, "###..#..#.#..#.");
  EXPECT_EQ(level(sheet, 0, 0), 0);
  EXPECT_EQ(level(sheet, 20, 0), 10);
}

TEST(ContactSheet, LooksLikeAScreenByItself) {
  // 16 frames of 4:3: 16 * 16/9 * 3/4 = 21.3, so 5 columns.
  auto const sheet = contact_sheet(block(16, 60, 80), std::vector<int>(16, 0));
  EXPECT_EQ(sheet.width, 5 * 84 - 4);
  EXPECT_EQ(sheet.height, 4 * 64 - 4);
}

TEST(ContactSheet, BadInput) {
  EXPECT_THROW(contact_sheet(block(2, 8, 8), {0, 1}, -1), Error);
  EXPECT_THROW(contact_sheet(block(0, 8, 8), {}), Error);
  // Tiny frames: numbers are cut off, nothing else.
  EXPECT_EQ(contact_sheet(block(2, 1, 1), {999999, 3}, 2).width, 6);
}

}  // namespace
}  // namespace gasm
