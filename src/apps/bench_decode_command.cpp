// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>

#include "commands.hpp"
#include "gasm/base/error.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/video/bench_decode.hpp"

namespace gasm {
namespace {

void check_positive(char const* name, int value, int max_value) {
  if (value < 1 || value > max_value)
    throw usage_error("--{} {} is out of range. Try 1 to {}", name, value,
                      max_value);
}

std::string to_json(BenchDecodeResult const& result, bool with_floor) {
  auto text = fmt::format(
      R"({{"clips_per_s":{:.3f},"decode_ms":{:.3f},"scale_ms":{:.3f},)",
      result.clips_per_s, result.decode_ms, result.scale_ms);
  if (with_floor)
    text += fmt::format(R"("floor_ms":{:.3f},"over_floor":{:.4f},)",
                        result.floor_ms, result.over_floor);
  return text + fmt::format(R"("clips":{},"failed":{}}})", result.num_clips,
                            result.num_failed);
}

std::string to_text(BenchDecodeResult const& result, bool with_floor) {
  auto text = fmt::format(
      "{:.1f} clips a second on one core ({} clips, {} failed): {:.2f} ms a "
      "clip to decode, {:.2f} ms to resize",
      result.clips_per_s, result.num_clips, result.num_failed, result.decode_ms,
      result.scale_ms);
  if (with_floor)
    text += fmt::format(
        "\nfloor: {:.2f} ms a clip to decode every frame and throw it away; "
        "all work takes {:.3f} times that",
        result.floor_ms, result.over_floor);
  return text;
}

ExitCode run(std::vector<std::string> const& files,
             BenchDecodeOptions const& options, bool as_json) {
  check_positive("frames", options.num_frames, 4096);
  check_positive("size", options.short_side_px, 4096);
  check_positive("repeat", options.num_repeats, 1000000);
  std::vector<std::filesystem::path> const paths(files.begin(), files.end());
  for (auto const& path : paths)
    if (!std::filesystem::exists(path))
      throw usage_error("{} does not exist. Try the path of a video",
                        path.string());
  auto const result = bench_decode(paths, options);
  print(as_json ? to_json(result, options.with_floor)
                : to_text(result, options.with_floor));
  return result.num_failed == 0 ? ExitCode::done : ExitCode::agreed_failure;
}

}  // namespace

int run_bench_decode(Arguments const& arguments) {
  std::vector<std::string> files;
  BenchDecodeOptions options;
  bool as_json = false;
  CommandLine line(
      {.name = "bench decode",
       .purpose =
           "Measures how many clips a second one core decodes: reads each\n"
           "file, counts its frames, decodes uniform ones and resizes them "
           "to RGB.",
       .example = "gasm bench decode --frames 16 --size 224 --json "
                  "data/synsth-s/videos/1.webm data/synsth-s/videos/2.webm",
       .notes = "Ends with 4 if any file failed."});
  line.add("frames", options.num_frames, "N", "Frames of a clip (16).");
  line.add("size", options.short_side_px, "PX", "Shorter side (224).");
  line.add("repeat", options.num_repeats, "N",
           "Passes over all files; the median counts (3).");
  line.flag("floor", options.with_floor,
            "Also decode all frames and throw them away, in turn.");
  line.flag("json", as_json, "One JSON object on one line.");
  line.add_files(files, "videos, read again in each pass");
  if (printed_help(line, arguments)) return 0;
  return run_guarded_serial([&] {
    line.parse(arguments.words);
    return run(files, options, as_json);
  });
}

}  // namespace gasm
