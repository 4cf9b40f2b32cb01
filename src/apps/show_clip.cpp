// SPDX-License-Identifier: Apache-2.0
#include "show_clip.hpp"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "command_line.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/care/clip_measure.hpp"
#include "gasm/care/contact_sheet.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/video/png.hpp"
#include "gasm/video/video_decoder.hpp"

namespace gasm {

std::string describe_clip(ClipStore const& store, std::int64_t clip) {
  auto const& info = store.info(clip);
  auto const measure = ClipMeter(16).measure(store, clip);
  auto text = fmt::format(
      "clip    {} (index {} of {}, split {})\n"
      "class   {}\n"
      "file    {} bytes, xxh64 {}\n"
      "video   {} frames, {} x {} pixels",
      info.id, clip, store.size(), store.split(),
      info.label < 0
          ? "not known"
          : fmt::format("{} {}", info.label,
                        store.classes()[static_cast<std::size_t>(info.label)]),
      info.num_bytes, to_hex(info.xxh64), info.num_frames, info.width,
      info.height);
  if (!measure.codec.empty()) text += ", " + measure.codec;
  if (measure.fps > 0)
    text += fmt::format(", {:.4g} frames a second, {:.2f} s", measure.fps,
                        info.num_frames / measure.fps);
  if (measure.error) return text + "\nerror   " + *measure.error;
  text += fmt::format("\nlight   mean luma {:.1f} of 255", measure.brightness);
  if (measure.motion)
    text +=
        fmt::format("\nmotion  {:.2f} levels between frames", *measure.motion);
  return text;
}

void write_sheet(ClipStore const& store, std::int64_t clip,
                 std::vector<int> const& indices, SheetOptions const& options) {
  auto const file = value_or_throw(store.bytes(clip));
  VideoDecoder decoder;
  Resample resample;
  resample.short_side_px = options.short_side_px;
  auto const block = value_or_throw(decoder.decode(file, indices, resample));
  if (block.num_missing > 0)
    throw error("clip {} of {} ends before its {} frames do ({} missing)",
                store.info(clip).id, store.path().string(),
                store.info(clip).num_frames, block.num_missing);
  auto const sheet = contact_sheet(block, indices, options.num_columns);
  auto const png =
      value_or_throw(encode_png(sheet.rgb, sheet.width, sheet.height));
  value_or_throw(publish_file(
      options.output,
      std::string_view(reinterpret_cast<char const*>(png.data()), png.size())));
  print(fmt::format("sheet   {}: {} x {} pixels, frames in the order above",
                    options.output, sheet.width, sheet.height));
}

}  // namespace gasm
