// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "colour.hpp"
#include "gasm/base/result.hpp"
#include "gasm/video/resample.hpp"
#include "handles.hpp"

namespace gasm {

struct FrameSize {
  int width = 0;
  int height = 0;
  bool operator==(FrameSize const&) const = default;
};

/// The size of a frame once it is turned for display.
FrameSize displayed_size(AVFrame const& frame, int rotation_deg);

/// The size of the result for a video of this displayed size; an error if the
/// crop leaves the frame or a size makes no sense.
Result<FrameSize> output_size(FrameSize displayed, Resample const& resample);

/// Turns decoded frames of any pixel format into RGB bytes.
///
/// Scaling is done on planes at the chroma resolution of the file (swscale,
/// to 4:4:4), the matrix last and in our own kernel: that is both more exact
/// and twice as fast as swscale's own way to RGB. Planar RGB runs through the
/// same scaler as three planes, so that nothing passes through YUV.
class FrameScaler {
 public:
  /// `first` is the displayed size that `resample` refers to. `rgb` takes
  /// out.width * out.height * 3 bytes.
  Result<void> convert(AVFrame const& frame, int rotation_deg, FrameSize first,
                       Resample const& resample, FrameSize out,
                       std::uint8_t* rgb);

 private:
  struct Key {
    AVPixelFormat source_format;
    FrameSize source;
    FrameSize out;
    bool operator==(Key const&) const = default;
  };
  struct Step {
    std::optional<Key> key;
    ffmpeg::Scaler scaler;
    ffmpeg::Frame result;
  };
  /// Scales `source`, a region of a frame, into step.result (4:4:4).
  Result<void> run(Step& step, Key const& key, AVPixelFormat result_format,
                   std::uint8_t const* const* data, int const* stride);

  Step to_444_;
  Step resize_;
  std::vector<std::uint8_t> unturned_;
};

}  // namespace gasm
