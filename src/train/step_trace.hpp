// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "gasm/base/clock.hpp"
#include "gasm/comm/communicator.hpp"
#include "gradient_sum.hpp"

namespace gasm {

/// What every rank did in a few steps, as a Chrome trace: one JSON file for
/// chrome://tracing or ui.perfetto.dev, a process a rank. Times count from a
/// barrier, so that ranks of different machines fit together to within its
/// microseconds.
class StepTrace {
 public:
  /// `num_steps` steps are traced, none where it is 0: from the third one of
  /// the process on, when buckets are in order and memory is warm.
  StepTrace(Communicator const& world, std::filesystem::path file,
            int num_steps)
      : world_(world), file_(std::move(file)), num_left_(num_steps) {}

  /// Collective, as is end_step: every step, by all ranks.
  void begin_step(std::int64_t step);
  /// Something took from begin_s to end_s (monotonic_s).
  void add(std::string const& name, double begin_s, double end_s);
  /// Which part of backward filled which bucket, and how long each bucket was
  /// under way.
  void add_exchange(GradientSum const& sums, double backward_begin_s);
  /// After the last one, rank 0 writes the file: an AgreedError if it cannot.
  void end_step();

  /// The run ends: what was traced so far is written. Collective.
  void finish();

  /// For as long as it lives.
  class Span {
   public:
    Span(StepTrace& trace, char const* name)
        : trace_(trace), name_(name), begin_s_(monotonic_s()) {}
    ~Span() { trace_.add(name_, begin_s_, monotonic_s()); }
    Span(Span const&) = delete;
    Span& operator=(Span const&) = delete;

   private:
    StepTrace& trace_;
    char const* name_;
    double begin_s_;
  };

 private:
  void add_event(std::string const& name, double begin_s, double end_s,
                 std::size_t row, std::size_t num_bytes);
  void write() const;

  Communicator const& world_;
  std::filesystem::path file_;
  int num_left_;
  int num_seen_ = 0;
  bool is_on_ = false;
  std::int64_t step_ = 0;
  double step_begin_s_ = 0.0;
  double zero_s_ = 0.0;
  std::string events_;
};

}  // namespace gasm
