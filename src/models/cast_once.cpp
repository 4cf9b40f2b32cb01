// SPDX-License-Identifier: Apache-2.0
#include "cast_once.hpp"

#include <ATen/autocast_mode.h>
#include <torch/torch.h>

namespace gasm {

at::Tensor cast_once(at::Tensor const& x) {
  auto const device = x.device().type();
  if (!at::autocast::is_autocast_enabled(device)) return x;
  return x.to(at::autocast::get_autocast_dtype(device));
}

}  // namespace gasm
