// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include "gasm/config/train_config.hpp"

namespace gasm {

/// The number format in which matrix products and convolutions run; torch
/// casts their inputs, and leaves the parameters, sums and norms in fp32.
struct Autocast {
  at::DeviceType device = at::kCPU;
  bool is_on = false;
  at::ScalarType type = at::kBFloat16;
};

/// What a configuration's precision means on a device.
Autocast autocast_of(Precision precision, at::DeviceType device);

/// What is in force in this thread.
Autocast current_autocast(at::DeviceType device);

/// Puts one in force in this thread while it lives.
class AutocastGuard {
 public:
  explicit AutocastGuard(Autocast const& autocast);
  ~AutocastGuard();
  AutocastGuard(AutocastGuard const&) = delete;
  AutocastGuard& operator=(AutocastGuard const&) = delete;

 private:
  Autocast before_;
};

/// While it lives, the 16-bit copy of a parameter that learns is kept from one
/// AutocastGuard of this thread to the next: for passes between which no
/// parameter changes.
class AutocastCacheKept {
 public:
  AutocastCacheKept();
  ~AutocastCacheKept();
  AutocastCacheKept(AutocastCacheKept const&) = delete;
  AutocastCacheKept& operator=(AutocastCacheKept const&) = delete;
};

/// While it lives, no 16-bit copy of a parameter is kept in this thread.
class AutocastCacheOff {
 public:
  AutocastCacheOff();
  ~AutocastCacheOff();
  AutocastCacheOff(AutocastCacheOff const&) = delete;
  AutocastCacheOff& operator=(AutocastCacheOff const&) = delete;

 private:
  bool before_;
};

}  // namespace gasm
