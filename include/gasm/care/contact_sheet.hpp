// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "gasm/video/frame_block.hpp"

namespace gasm {

/// A picture, [height, width, 3] bytes.
struct Picture {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;
};

/// The frames of a block side by side, in its order: left to right, then down,
/// `num_columns` in a row (0: about as wide as a screen). `numbers[k]`, from
/// 0 to 999999, is written into the upper left corner of frame k. Frames are
/// separated by lines of 4 pixels. Throws a usage error if num_columns < 0 or
/// there is no frame.
Picture contact_sheet(FrameBlock const& block, std::vector<int> const& numbers,
                      int num_columns = 0);

}  // namespace gasm
