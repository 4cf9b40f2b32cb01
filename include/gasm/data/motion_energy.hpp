// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/video/frame_block.hpp"

namespace gasm {

class VideoDecoder;
struct ClipInfo;

/// How much moves from each frame to the next: the mean absolute difference of
/// luma (BT.601 weights of the RGB bytes, 0 to 255). num_frames - 1 values.
std::vector<float> motion_energy(FrameBlock const& frames);

/// The same of a whole file, seen at 1/8 of its width and height. Decodes all
/// of its frames: about as much work again as decoding the clip itself. Fails
/// where the file ends before info.num_frames frames.
Result<std::vector<float>> motion_energy(std::span<std::byte const> file,
                                         ClipInfo const& info,
                                         VideoDecoder& decoder);

}  // namespace gasm
