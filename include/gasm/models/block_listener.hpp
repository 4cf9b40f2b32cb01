// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

namespace gasm {

/// Who is told of each block of a model (run_block, recomputed, and what calls
/// them) before the forward pass computes it: in this thread, by
/// announce_block().
class BlockListener {
 public:
  virtual ~BlockListener() = default;
  /// `block` holds the parameters that are about to be read, and that nothing
  /// has read before in this pass.
  virtual void before_block(torch::nn::Module const& block) = 0;
};

/// While it lives, `listener` (null: nobody) is told, and no other.
class BlockListenerGuard {
 public:
  explicit BlockListenerGuard(BlockListener* listener);
  ~BlockListenerGuard();
  BlockListenerGuard(BlockListenerGuard const&) = delete;
  BlockListenerGuard& operator=(BlockListenerGuard const&) = delete;

 private:
  BlockListener* before_;
};

/// Tells the listener in force, if there is one.
void announce_block(torch::nn::Module const& block);

}  // namespace gasm
