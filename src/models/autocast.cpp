// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/autocast.hpp"

#include <ATen/autocast_mode.h>

namespace gasm {
namespace {

void put_in_force(Autocast const& autocast) {
  at::autocast::set_autocast_enabled(autocast.device, autocast.is_on);
  at::autocast::set_autocast_dtype(autocast.device, autocast.type);
}

/// The outermost scope ends: then parameters may change.
void end_cache() {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

}  // namespace

Autocast autocast_of(Precision precision, at::DeviceType device) {
  Autocast autocast{.device = device};
  autocast.is_on = precision != Precision::fp32;
  if (precision == Precision::fp16) autocast.type = at::kHalf;
  return autocast;
}

Autocast current_autocast(at::DeviceType device) {
  return {.device = device,
          .is_on = at::autocast::is_autocast_enabled(device),
          .type = at::autocast::get_autocast_dtype(device)};
}

AutocastGuard::AutocastGuard(Autocast const& autocast)
    : before_(current_autocast(autocast.device)) {
  put_in_force(autocast);
  at::autocast::increment_nesting();
}

AutocastGuard::~AutocastGuard() {
  end_cache();
  put_in_force(before_);
}

AutocastCacheKept::AutocastCacheKept() { at::autocast::increment_nesting(); }
AutocastCacheKept::~AutocastCacheKept() { end_cache(); }

AutocastCacheOff::AutocastCacheOff()
    : before_(at::autocast::is_autocast_cache_enabled()) {
  at::autocast::set_autocast_cache_enabled(false);
}

AutocastCacheOff::~AutocastCacheOff() {
  at::autocast::set_autocast_cache_enabled(before_);
}

}  // namespace gasm
