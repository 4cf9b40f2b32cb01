// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/block_listener.hpp"

#include <utility>

namespace gasm {
namespace {

thread_local BlockListener* in_force = nullptr;

}  // namespace

BlockListenerGuard::BlockListenerGuard(BlockListener* listener)
    : before_(std::exchange(in_force, listener)) {}

BlockListenerGuard::~BlockListenerGuard() { in_force = before_; }

void announce_block(torch::nn::Module const& block) {
  if (in_force != nullptr) in_force->before_block(block);
}

}  // namespace gasm
