// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gasm {

/// What the LibTorch library in use can do.
struct TorchInfo {
  std::string version;                  ///< "2.11.0"
  bool has_cuda_linked = false;         ///< this binary was linked with CUDA
  int num_devices = 0;                  ///< that CUDA finds here
  bool multiplies_with_onednn = false;  ///< linear_map(), in fp32
};

TorchInfo torch_info();

}  // namespace gasm
