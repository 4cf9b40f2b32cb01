// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace gasm {

/// What the FFmpeg libraries in use can do.
struct FfmpegInfo {
  std::string release;  ///< "5.1.6-0+deb12u1"
  /// Library and version: {"libavformat", "59.27.100"}, ...
  std::vector<std::pair<std::string, std::string>> libraries;
  bool decodes_vp9 = false;  ///< needed for Something-Something V2
  bool encodes_vp9 = false;  ///< needed by `gasm synth`
};

FfmpegInfo ffmpeg_info();

}  // namespace gasm
