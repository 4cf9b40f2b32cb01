// SPDX-License-Identifier: Apache-2.0
#include "gasm/video/ffmpeg_info.hpp"

#include <fmt/format.h>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libswscale/swscale.h>
}

namespace gasm {
namespace {

std::string version_text(unsigned version) {
  return fmt::format("{}.{}.{}", version >> 16, (version >> 8) & 0xff,
                     version & 0xff);
}

}  // namespace

FfmpegInfo ffmpeg_info() {
  FfmpegInfo info;
  info.release = av_version_info();
  info.libraries = {{"libavformat", version_text(avformat_version())},
                    {"libavcodec", version_text(avcodec_version())},
                    {"libavutil", version_text(avutil_version())},
                    {"libswscale", version_text(swscale_version())}};
  info.decodes_vp9 = avcodec_find_decoder(AV_CODEC_ID_VP9) != nullptr;
  info.encodes_vp9 = avcodec_find_encoder_by_name("libvpx-vp9") != nullptr;
  return info;
}

}  // namespace gasm
