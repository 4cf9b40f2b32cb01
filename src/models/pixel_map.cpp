// SPDX-License-Identifier: Apache-2.0
#include "pixel_map.hpp"

#include "gasm/base/error.hpp"
#include "gasm/models/named_tensors.hpp"

namespace gasm {

PixelMap make_pixel_map(std::array<double, 3> const& mean,
                        std::array<double, 3> const& std,
                        at::IntArrayRef shape) {
  at::Tensor shift = at::empty({3}), scale = at::empty({3});
  for (std::int64_t c = 0; c < 3; ++c) {
    auto const i = static_cast<std::size_t>(c);
    shift[c] = -mean[i] / std[i];
    scale[c] = 1.0 / (255.0 * std[i]);
  }
  return {shift.view(shape), scale.view(shape)};
}

at::Tensor in_order(at::Tensor const& images, ChannelOrder order) {
  return order == ChannelOrder::bgr ? images.flip(1) : images;
}

void check_clips(at::Tensor const& clips, std::int64_t num_frames,
                 Resolution const& resolution, char const* keys) {
  if (clips.dim() == 5 && clips.size(1) == num_frames && clips.size(2) == 3 &&
      clips.size(3) == resolution.height && clips.size(4) == resolution.width &&
      clips.scalar_type() == at::kByte)
    return;
  throw error(
      "clips of shape {} and type {} for a model that needs bytes of shape "
      "[B, {}, 3, {}, {}] ({})",
      shape_text(clips), c10::toString(clips.scalar_type()), num_frames,
      resolution.height, resolution.width, keys);
}

at::Tensor normalise_clips(at::Tensor const& clips, PixelMap const& map,
                           ChannelOrder order) {
  at::Tensor const pixels = clips.transpose(1, 2).contiguous().to(at::kFloat);
  return in_order(at::addcmul(map.shift, pixels, map.scale), order);
}

}  // namespace gasm
