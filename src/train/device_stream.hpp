// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <torch/torch.h>

#include <optional>
#include <vector>

namespace gasm {

/// A second stream of a device, beside the one that computes (torch's current
/// stream of the calling thread). A CPU has none, and does everything in
/// order, when it is asked to: there all of this does nothing but run().
class SideStream {
 public:
  explicit SideStream(at::Device device);

  at::Device device() const { return device_; }
  /// cudaStream_t; nullptr on a CPU.
  void* native() const;

  /// What comes into this stream from now on waits for all that has been put
  /// into the computing one.
  void follow_compute() const;
  /// And the reverse.
  void hold_compute() const;

  /// `work` puts what it does into this stream.
  template <class Work>
  void run(Work&& work) const {
    c10::OptionalStreamGuard const guard(stream_);
    work();
  }

 private:
  at::Device device_;
  std::optional<c10::Stream> stream_;
};

/// The stream that the calling thread computes in; none on a CPU.
std::optional<c10::Stream> compute_stream(at::Device device);

/// `tensor` on `device`: from page-locked memory without waiting. Undefined
/// stays undefined.
at::Tensor moved_to(at::Device device, at::Tensor const& tensor);

/// A few numbers on the way from a device to the host.
class LateNumbers {
 public:
  /// `numbers`: f64 [n]. Does not wait.
  explicit LateNumbers(at::Tensor const& numbers);
  /// Waits for what was computed up to the construction.
  std::vector<double> get() const;

 private:
  at::Tensor host_;
  std::optional<c10::Event> there_;
};

/// Autograd works on the calling thread as long as it lives. It has a thread
/// of its own for each GPU otherwise, and MPI takes calls of one thread alone
/// (hooks may communicate).
class OneThreadBackward {
 public:
  OneThreadBackward();
  ~OneThreadBackward();
  OneThreadBackward(OneThreadBackward const&) = delete;
  OneThreadBackward& operator=(OneThreadBackward const&) = delete;

 private:
  bool before_;
};

}  // namespace gasm
