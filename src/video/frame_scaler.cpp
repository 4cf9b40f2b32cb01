// SPDX-License-Identifier: Apache-2.0
#include "frame_scaler.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <vector>

namespace gasm {
namespace {

/// A region of a frame: where its planes start.
struct Region {
  AVPixelFormat format = AV_PIX_FMT_NONE;
  FrameSize size;
  std::uint8_t const* data[4] = {};
  int stride[4] = {};
};

/// The range is handled by our own kernel, so swscale must not hear of it.
AVPixelFormat without_range(AVPixelFormat format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P:
      return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
      return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
      return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
      return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P:
      return AV_PIX_FMT_YUV411P;
    default:
      return format;
  }
}

bool is_rgb(AVPixFmtDescriptor const& format) {
  return format.flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL);
}

Region whole(AVFrame const& frame) {
  Region region{without_range(static_cast<AVPixelFormat>(frame.format)),
                {frame.width, frame.height},
                {},
                {}};
  for (int p = 0; p < 4; ++p) {
    region.data[p] = frame.data[p];
    region.stride[p] = frame.linesize[p];
  }
  return region;
}

/// Whether a box can be cut out by moving the plane pointers.
bool can_cut(AVPixFmtDescriptor const& format, CropBox const& box) {
  int const mask_x = (1 << format.log2_chroma_w) - 1;
  int const mask_y = (1 << format.log2_chroma_h) - 1;
  bool const starts_whole_samples =
      (box.x_px & mask_x) == 0 && (box.y_px & mask_y) == 0;
  return starts_whole_samples && (format.flags & AV_PIX_FMT_FLAG_PLANAR) &&
         !(format.flags & AV_PIX_FMT_FLAG_BITSTREAM);
}

bool is_whole(CropBox const& box, FrameSize size) {
  return box.width_px == size.width && box.height_px == size.height;
}

void cut(Region& region, AVPixFmtDescriptor const& format, CropBox const& box) {
  bool moved[4] = {};
  for (int c = 0; c < format.nb_components; ++c) {
    auto const& component = format.comp[c];
    if (std::exchange(moved[component.plane], true)) continue;
    bool const is_chroma = c == 1 || c == 2;
    int const x = is_chroma ? box.x_px >> format.log2_chroma_w : box.x_px;
    int const y = is_chroma ? box.y_px >> format.log2_chroma_h : box.y_px;
    region.data[component.plane] +=
        std::ptrdiff_t{y} * region.stride[component.plane] +
        std::ptrdiff_t{x} * component.step;
  }
  region.size = {box.width_px, box.height_px};
}

/// A crop box for a frame of another size than the first.
CropBox scaled(CropBox const& box, FrameSize from, FrameSize to) {
  if (from == to) return box;
  auto const along = [](int offset, int length, int old_size, int new_size) {
    double const factor = double(new_size) / old_size;
    int const start = std::clamp(static_cast<int>(std::lround(offset * factor)),
                                 0, new_size - 1);
    int const end =
        std::clamp(static_cast<int>(std::lround((offset + length) * factor)),
                   start + 1, new_size);
    return std::pair(start, end - start);
  };
  auto const [x, w] = along(box.x_px, box.width_px, from.width, to.width);
  auto const [y, h] = along(box.y_px, box.height_px, from.height, to.height);
  return {x, y, w, h};
}

CropBox or_whole(CropBox const& box, FrameSize displayed) {
  if (box.width_px == 0 && box.height_px == 0)
    return {0, 0, displayed.width, displayed.height};
  return box;
}

/// A box of the displayed frame as a box of the frame as coded.
CropBox unturned(CropBox const& b, FrameSize displayed, int rotation_deg) {
  int const right = displayed.width - b.x_px - b.width_px;
  int const below = displayed.height - b.y_px - b.height_px;
  if (rotation_deg == 90) return {b.y_px, right, b.height_px, b.width_px};
  if (rotation_deg == 180) return {right, below, b.width_px, b.height_px};
  if (rotation_deg == 270) return {below, b.x_px, b.height_px, b.width_px};
  return b;
}

FrameSize turned(FrameSize size, int rotation_deg) {
  return rotation_deg % 180 == 0 ? size : FrameSize{size.height, size.width};
}

}  // namespace

FrameSize displayed_size(AVFrame const& frame, int rotation_deg) {
  return turned({frame.width, frame.height}, rotation_deg);
}

Result<FrameSize> output_size(FrameSize displayed, Resample const& resample) {
  auto const box = or_whole(resample.crop, displayed);
  if (box.x_px < 0 || box.y_px < 0 || box.width_px < 1 || box.height_px < 1 ||
      box.width_px > displayed.width - box.x_px ||
      box.height_px > displayed.height - box.y_px)
    return failure("crop {} x {} at ({}, {}) leaves the frame of {} x {}",
                   box.width_px, box.height_px, box.x_px, box.y_px,
                   displayed.width, displayed.height);
  FrameSize out{resample.out_width_px, resample.out_height_px};
  if (out == FrameSize{}) {
    out = {box.width_px, box.height_px};
    if (std::int64_t const side = resample.short_side_px; side > 0) {
      int const shorter = std::min(out.width, out.height);
      out = {static_cast<int>(side * out.width / shorter),
             static_cast<int>(side * out.height / shorter)};
    }
  }
  constexpr int max_side = 1 << 14;
  if (out.width < 1 || out.height < 1 || out.width > max_side ||
      out.height > max_side)
    return failure("output size {} x {} refused (1 .. {} is possible)",
                   out.width, out.height, max_side);
  return out;
}

Result<void> FrameScaler::run(Step& step, Key const& key,
                              AVPixelFormat result_format,
                              std::uint8_t const* const* data,
                              int const* stride) {
  if (step.key != key) {
    step.key.reset();
    step.scaler.reset(sws_alloc_context());
    step.result = ffmpeg::make_frame();
    if (!step.scaler) throw std::bad_alloc();
    auto const set = [&](char const* name, std::int64_t value) {
      av_opt_set_int(step.scaler.get(), name, value, 0);
    };
    set("srcw", key.source.width);
    set("srch", key.source.height);
    set("src_format", key.source_format);
    set("dstw", key.out.width);
    set("dsth", key.out.height);
    set("dst_format", result_format);
    // Equal on both sides: no conversion of the range.
    set("src_range", 1);
    set("dst_range", 1);
    set("sws_flags", SWS_BILINEAR | SWS_ACCURATE_RND);
    step.result->format = result_format;
    step.result->width = key.out.width;
    step.result->height = key.out.height;
    if (sws_init_context(step.scaler.get(), nullptr, nullptr) < 0)
      return failure("cannot convert {} frames of {} x {} to {} x {}",
                     av_get_pix_fmt_name(key.source_format), key.source.width,
                     key.source.height, key.out.width, key.out.height);
    if (av_frame_get_buffer(step.result.get(), 0) < 0) throw std::bad_alloc();
    step.key = key;
  }
  int const rows =
      sws_scale(step.scaler.get(), data, stride, 0, key.source.height,
                step.result->data, step.result->linesize);
  if (rows != key.out.height)
    return failure("scaling to {} x {} failed", key.out.width, key.out.height);
  return {};
}

Result<void> FrameScaler::convert(AVFrame const& frame, int rotation_deg,
                                  FrameSize first, Resample const& resample,
                                  FrameSize out, std::uint8_t* rgb) {
  auto const colour = colour_of(frame);
  if (!colour) return tl::unexpected(colour.error());
  auto const displayed = displayed_size(frame, rotation_deg);
  auto const box =
      unturned(scaled(or_whole(resample.crop, first), first, displayed),
               displayed, rotation_deg);
  auto const* format = av_pix_fmt_desc_get(
      without_range(static_cast<AVPixelFormat>(frame.format)));
  auto const full_format =
      is_rgb(*format) ? AV_PIX_FMT_GBRP : AV_PIX_FMT_YUV444P;
  auto const coded_out = turned(out, rotation_deg);

  Region region = whole(frame);
  // Odd offsets into subsampled chroma, packed formats and RGB other than
  // planar first become 4:4:4 of the same size.
  bool const is_usable = region.format == full_format ||
                         (!is_rgb(*format) && (is_whole(box, region.size) ||
                                               can_cut(*format, box)));
  if (!is_usable) {
    if (auto done = run(to_444_, {region.format, region.size, region.size},
                        full_format, region.data, region.stride);
        !done)
      return done;
    region = whole(*to_444_.result);
    format = av_pix_fmt_desc_get(full_format);
  }
  cut(region, *format, box);
  if (region.format == AV_PIX_FMT_GBRP) region.format = AV_PIX_FMT_YUV444P;
  if (region.format != AV_PIX_FMT_YUV444P || region.size != coded_out) {
    if (auto done = run(resize_, {region.format, region.size, coded_out},
                        AV_PIX_FMT_YUV444P, region.data, region.stride);
        !done)
      return done;
    region = whole(*resize_.result);
  }

  std::uint8_t* target = rgb;
  if (rotation_deg != 0) {
    unturned_.resize(std::size_t(3) * coded_out.width * coded_out.height);
    target = unturned_.data();
  }
  Planes const planes{{region.data[0], region.data[1], region.data[2]},
                      {region.stride[0], region.stride[1], region.stride[2]}};
  if (colour->matrix == ColourMatrix::rgb)
    gbr_to_rgb(planes, coded_out.width, coded_out.height, target);
  else
    yuv444_to_rgb(planes, coded_out.width, coded_out.height,
                  rgb_coefficients(*colour), target);
  if (rotation_deg != 0)
    rotate_rgb(target, coded_out.width, coded_out.height, rotation_deg, rgb);
  return {};
}

}  // namespace gasm
