// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <string>

namespace gasm {

/// What is done with CUDA itself rather than with tensors. A program that is
/// not linked with LibTorch's CUDA libraries has all of it, too, and says that
/// it cannot (cuda_absent.cpp).

bool is_cuda_linked();

/// "NVIDIA H100 80GB HBM3"; empty for a CPU.
std::string device_name(at::Device device);

/// Work on a device, recorded once and replayed: one launch from the host.
/// The same memory is read and written each time.
class StepGraph {
 public:
  virtual ~StepGraph() = default;
  /// Runs `work` on the host, which puts nothing but its launches into the
  /// graph: nothing is computed. It must have run before, on the same shapes;
  /// may not wait for the device, or reseed generators. An Error says what
  /// could not be recorded.
  virtual void record(std::function<void()> const& work) = 0;
  /// In the current stream. Draws from torch's generator anew.
  virtual void replay() = 0;
};

/// Throws Error in a program without CUDA.
std::unique_ptr<StepGraph> make_step_graph(at::Device device);

}  // namespace gasm
