// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gasm/base/result.hpp"

namespace gasm {

enum class Fidelity {
  lossy,     ///< yuv420p, BT.601 limited range, constant quality
  lossless,  ///< planar RGB (VP9 profile 1): decodes to the very same bytes
};
enum class EncodeEffort { realtime, good };

/// How encode_vp9_webm encodes. There is no bit rate on purpose: rate control
/// makes quality drift with time, which tells a network where in the clip a
/// frame stands.
struct EncodeOptions {
  double fps = 12.0;
  Fidelity fidelity = Fidelity::lossy;
  /// Constant quality of libvpx, 0 (best) .. 63. Lossy only.
  int crf = 32;
  /// Speed of libvpx, 0 .. 8 (realtime) or 0 .. 5 (good); higher is faster.
  int cpu_used = 8;
  EncodeEffort effort = EncodeEffort::realtime;
};

/// A VP9 webm file, made in memory by one thread.
///
/// `rgb` is [num_frames, height, width, 3] bytes with at least one frame; any
/// size of at least 1 x 1 is allowed, odd ones included. The same frames and
/// options give the same bytes (no date, no random ids) with the same libvpx
/// and FFmpeg. Fails on sizes that do not fit, options out of range, or an
/// FFmpeg without libvpx.
Result<std::vector<std::byte>> encode_vp9_webm(
    std::span<std::uint8_t const> rgb, int width, int height,
    EncodeOptions const& options = {});

}  // namespace gasm
