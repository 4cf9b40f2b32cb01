// SPDX-License-Identifier: Apache-2.0
#include "device_stream.hpp"

#include <c10/core/AutogradState.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>

namespace gasm {
namespace {

/// `later` waits for what is in `earlier` now.
void order(c10::Stream const& earlier, c10::Stream const& later) {
  c10::Event event(earlier.device_type());
  event.record(earlier);
  event.block(later);
}

}  // namespace

std::optional<c10::Stream> compute_stream(at::Device device) {
  if (device.is_cpu()) return std::nullopt;
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device);
}

SideStream::SideStream(at::Device device) : device_(device) {
  if (!device.is_cpu())
    stream_ = c10::impl::VirtualGuardImpl(device.type())
                  .getStreamFromGlobalPool(device, /*isHighPriority=*/true);
}

void* SideStream::native() const {
  return stream_ ? stream_->native_handle() : nullptr;
}

void SideStream::follow_compute() const {
  if (stream_) order(*compute_stream(device_), *stream_);
}

void SideStream::hold_compute() const {
  if (stream_) order(*stream_, *compute_stream(device_));
}

at::Tensor moved_to(at::Device device, at::Tensor const& tensor) {
  if (!tensor.defined()) return tensor;
  return tensor.to(device, /*non_blocking=*/true);
}

LateNumbers::LateNumbers(at::Tensor const& numbers) {
  auto const device = numbers.device();
  if (device.is_cpu()) {
    host_ = numbers.clone();
    return;
  }
  host_ = at::empty(numbers.sizes(),
                    numbers.options().device(at::kCPU).pinned_memory(true));
  host_.copy_(numbers, /*non_blocking=*/true);
  there_.emplace(device.type());
  there_->record(*compute_stream(device));
}

std::vector<double> LateNumbers::get() const {
  if (there_) there_->synchronize();
  std::vector<double> values(static_cast<std::size_t>(host_.numel()));
  std::copy_n(host_.const_data_ptr<double>(), values.size(), values.begin());
  return values;
}

OneThreadBackward::OneThreadBackward()
    : before_(
          c10::AutogradState::get_tls_state().get_multithreading_enabled()) {
  c10::AutogradState::get_tls_state().set_multithreading_enabled(false);
}

OneThreadBackward::~OneThreadBackward() {
  c10::AutogradState::get_tls_state().set_multithreading_enabled(before_);
}

}  // namespace gasm
