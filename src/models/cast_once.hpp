// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace gasm {

/// x in the type of products under autocast, else x itself. For what several
/// products read: each of them would convert it again, and its gradient back.
at::Tensor cast_once(at::Tensor const& x);

}  // namespace gasm
