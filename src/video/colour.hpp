// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "gasm/base/result.hpp"
#include "gasm/video/video_info.hpp"
#include "handles.hpp"

namespace gasm {

/// What the tags of a frame, or their absence, say about its colours.
struct Colour {
  ColourMatrix matrix = ColourMatrix::bt601;
  ColourRange range = ColourRange::limited;
  bool operator==(Colour const&) const = default;
};

/// An error for matrices that are not a plain Y'CbCr (YCgCo, ICtCp, ...).
Result<Colour> colour_of(AVFrame const& frame);

/// YUV to RGB as integers scaled by 2^16:
///   r = y_gain (y - y_offset) + v_to_r (v - 128), and so on.
struct RgbCoefficients {
  std::int32_t y_offset;
  std::int32_t y_gain;
  std::int32_t v_to_r;
  std::int32_t u_to_g;
  std::int32_t v_to_g;
  std::int32_t u_to_b;
};

/// From the definition: Y' = Kr R' + Kg G' + Kb B' (ITU-T H.273, table 4).
RgbCoefficients rgb_coefficients(Colour colour);

/// Three planes of one size in memory.
struct Planes {
  std::uint8_t const* data[3];
  std::ptrdiff_t stride[3];
};

/// Planes of Y, U, V at full resolution to interleaved RGB.
void yuv444_to_rgb(Planes const& yuv, int width, int height,
                   RgbCoefficients const& coefficients, std::uint8_t* rgb);

/// Planes of G, B, R (FFmpeg's order) to interleaved RGB.
void gbr_to_rgb(Planes const& gbr, int width, int height, std::uint8_t* rgb);

/// Turns an interleaved image clockwise by 90, 180 or 270 degrees.
/// `width` x `height` is the size of the source.
void rotate_rgb(std::uint8_t const* source, int width, int height,
                int rotation_deg, std::uint8_t* out);

}  // namespace gasm
