// SPDX-License-Identifier: Apache-2.0
#include "torch_info.hpp"

#include <dlfcn.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include "gasm/models/linear.hpp"

namespace gasm {

TorchInfo torch_info() {
  TorchInfo info;
  info.version = TORCH_VERSION;
  // LibTorch does not tell a build without CUDA from a machine without it.
  if (void* loaded = dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_NOLOAD)) {
    info.has_cuda_linked = true;
    dlclose(loaded);
  }
  info.num_devices = static_cast<unsigned char>(torch::cuda::device_count());
  info.multiplies_with_onednn = multiplies_with_onednn();
  return info;
}

}  // namespace gasm
