// SPDX-License-Identifier: Apache-2.0
#include "colour.hpp"

#include <cmath>
#include <cstring>
#include <string>

namespace gasm {
namespace {

/// The number in a field that FFmpeg fills from a file: it need not be one of
/// the enumeration, and C++ must not read such a value as one.
template <class Enum>
int number_in(Enum const& field) {
  int number = 0;
  static_assert(sizeof number == sizeof field);
  std::memcpy(&number, &field, sizeof number);
  return number;
}

bool is_full_range_format(AVPixelFormat format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ411P:
      return true;
    default:
      return false;
  }
}

ColourRange range_of(AVFrame const& frame, AVPixFmtDescriptor const& format) {
  if (is_full_range_format(static_cast<AVPixelFormat>(frame.format)) ||
      number_in(frame.color_range) == AVCOL_RANGE_JPEG)
    return ColourRange::full;
  if (number_in(frame.color_range) == AVCOL_RANGE_MPEG)
    return ColourRange::limited;
  // Grey without a tag is full range for FFmpeg, and for all who use it.
  return format.nb_components < 3 ? ColourRange::full : ColourRange::limited;
}

std::int32_t fixed(double value) {
  return static_cast<std::int32_t>(std::lround(value * 65536.0));
}

}  // namespace

char const* to_string(ColourMatrix matrix) {
  switch (matrix) {
    case ColourMatrix::bt601:
      return "bt601";
    case ColourMatrix::bt709:
      return "bt709";
    case ColourMatrix::fcc:
      return "fcc";
    case ColourMatrix::smpte240m:
      return "smpte240m";
    case ColourMatrix::bt2020:
      return "bt2020";
    case ColourMatrix::rgb:
      return "rgb";
  }
  return "unknown";
}

char const* to_string(ColourRange range) {
  return range == ColourRange::full ? "full" : "limited";
}

Result<Colour> colour_of(AVFrame const& frame) {
  auto const* format =
      av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  if (format == nullptr) return failure("frame without a pixel format");
  if (format->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL))
    return Colour{ColourMatrix::rgb, ColourRange::full};
  Colour colour{ColourMatrix::bt601, range_of(frame, *format)};
  int const number = number_in(frame.colorspace);
  switch (number) {
    case AVCOL_SPC_RGB:
    case AVCOL_SPC_UNSPECIFIED:
    case AVCOL_SPC_RESERVED:
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
      return colour;
    case AVCOL_SPC_BT709:
      colour.matrix = ColourMatrix::bt709;
      return colour;
    case AVCOL_SPC_FCC:
      colour.matrix = ColourMatrix::fcc;
      return colour;
    case AVCOL_SPC_SMPTE240M:
      colour.matrix = ColourMatrix::smpte240m;
      return colour;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
      colour.matrix = ColourMatrix::bt2020;
      return colour;
    default: {
      bool const has_name = number >= 0 && number < AVCOL_SPC_NB;
      char const* name =
          has_name ? av_color_space_name(static_cast<AVColorSpace>(number))
                   : nullptr;
      return failure(
          "colour matrix {} is not supported. Try re-encoding the video as "
          "BT.709",
          name != nullptr ? name : std::to_string(number));
    }
  }
}

RgbCoefficients rgb_coefficients(Colour colour) {
  double kr = 0.299;
  double kb = 0.114;
  switch (colour.matrix) {
    case ColourMatrix::bt709:
      kr = 0.2126, kb = 0.0722;
      break;
    case ColourMatrix::fcc:
      kr = 0.30, kb = 0.11;
      break;
    case ColourMatrix::smpte240m:
      kr = 0.212, kb = 0.087;
      break;
    case ColourMatrix::bt2020:
      kr = 0.2627, kb = 0.0593;
      break;
    case ColourMatrix::bt601:
    case ColourMatrix::rgb:
      break;
  }
  double const kg = 1.0 - kr - kb;
  bool const is_full = colour.range == ColourRange::full;
  double const luma = is_full ? 1.0 : 255.0 / 219.0;
  double const chroma = is_full ? 1.0 : 255.0 / 224.0;
  double const v_to_r = 2.0 * (1.0 - kr) * chroma;
  double const u_to_b = 2.0 * (1.0 - kb) * chroma;
  return {is_full ? 0 : 16,
          fixed(luma),
          fixed(v_to_r),
          fixed(-u_to_b * kb / kg),
          fixed(-v_to_r * kr / kg),
          fixed(u_to_b)};
}

void rotate_rgb(std::uint8_t const* source, int width, int height,
                int rotation_deg, std::uint8_t* out) {
  std::ptrdiff_t const w = width;
  std::ptrdiff_t const h = height;
  std::ptrdiff_t start = 0;  // source pixel of the first output pixel
  std::ptrdiff_t step_x = 0;
  std::ptrdiff_t step_y = 0;
  if (rotation_deg == 90) start = (h - 1) * w, step_x = -w, step_y = 1;
  if (rotation_deg == 180) start = h * w - 1, step_x = -1, step_y = -w;
  if (rotation_deg == 270) start = w - 1, step_x = w, step_y = -1;
  std::ptrdiff_t const out_w = rotation_deg == 180 ? w : h;
  std::ptrdiff_t const out_h = rotation_deg == 180 ? h : w;
  for (std::ptrdiff_t y = 0; y < out_h; ++y) {
    for (std::ptrdiff_t x = 0; x < out_w; ++x, out += 3) {
      auto const* pixel = source + 3 * (start + y * step_y + x * step_x);
      out[0] = pixel[0];
      out[1] = pixel[1];
      out[2] = pixel[2];
    }
  }
}

}  // namespace gasm
