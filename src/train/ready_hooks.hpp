// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstddef>
#include <functional>
#include <vector>

namespace gasm {

/// Calls on_ready(i) whenever backward has added to the gradient of parameter
/// i, as long as this object lives. An exception thrown there ends backward.
class ReadyHooks {
 public:
  ReadyHooks(std::vector<at::Tensor> parameters,
             std::function<void(std::size_t)> on_ready);
  ~ReadyHooks();
  ReadyHooks(ReadyHooks const&) = delete;
  ReadyHooks& operator=(ReadyHooks const&) = delete;

 private:
  std::vector<at::Tensor> parameters_;
  std::function<void(std::size_t)> on_ready_;
};

}  // namespace gasm
