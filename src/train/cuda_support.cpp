// SPDX-License-Identifier: Apache-2.0
#include "cuda_support.hpp"

#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

class CudaStepGraph : public StepGraph {
 public:
  explicit CudaStepGraph(at::Device device) : device_(device) {}

  void record(std::function<void()> const& work) override {
    c10::cuda::CUDAGuard const guard(device_);
    // The default stream cannot be recorded.
    auto const stream = c10::cuda::getStreamFromPool(false, device_.index());
    auto const before = c10::cuda::getCurrentCUDAStream(device_.index());
    before.synchronize();
    try {
      c10::cuda::CUDAStreamGuard const in_stream(stream);
      // Other threads, which load and pin memory, may go on.
      graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
      work();
      graph_.capture_end();
    } catch (c10::Error const& failed) {
      throw error(
          "the step cannot be recorded as a CUDA graph ({}). Try "
          "train.cuda_graph: off",
          failed.what_without_backtrace());
    }
  }

  void replay() override { graph_.replay(); }

 private:
  at::Device device_;
  at::cuda::CUDAGraph graph_;
};

}  // namespace

bool is_cuda_linked() { return true; }

std::string device_name(at::Device device) {
  if (!device.is_cuda()) return {};
  return at::cuda::getDeviceProperties(device.index())->name;
}

std::unique_ptr<StepGraph> make_step_graph(at::Device device) {
  return std::make_unique<CudaStepGraph>(device);
}

}  // namespace gasm
