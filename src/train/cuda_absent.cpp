// SPDX-License-Identifier: Apache-2.0
// What the program says of CUDA where LibTorch's CUDA libraries are not linked.
#include "cuda_support.hpp"
#include "gasm/base/error.hpp"

namespace gasm {

bool is_cuda_linked() { return false; }

std::string device_name(at::Device) { return {}; }

std::unique_ptr<StepGraph> make_step_graph(at::Device device) {
  throw error(
      "{} cannot record its work (LibTorch's CUDA libraries are not in this "
      "build). Try train.cuda_graph: off",
      device.str());
}

}  // namespace gasm
