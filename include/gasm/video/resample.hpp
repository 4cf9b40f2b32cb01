// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gasm {

/// A rectangle of whole pixels of the displayed frame (after rotation), from
/// its top left corner. Any offset is allowed, odd ones on subsampled chroma
/// included. A width of 0 means the whole frame.
struct CropBox {
  int x_px = 0;
  int y_px = 0;
  int width_px = 0;
  int height_px = 0;
};

/// One pass from decoded frame to output: crop, then scale bilinearly (the
/// triangle filter, widened when shrinking, so that nothing aliases).
///
/// Pixels are taken as square: a sample aspect ratio in the file is ignored.
/// Should the frame size change within a file, the box, given for the first
/// frame, is scaled along with it.
struct Resample {
  CropBox crop;
  /// Size of the result. Both 0: see short_side_px.
  int out_width_px = 0;
  int out_height_px = 0;
  /// If the size is 0 x 0: the length of the result's shorter side, the other
  /// one in proportion and rounded down. 0: the size of the crop.
  int short_side_px = 0;
};

}  // namespace gasm
