// SPDX-License-Identifier: Apache-2.0
#include "step_trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "gasm/base/file.hpp"
#include "gasm/base/host_name.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"

namespace gasm {
namespace {

constexpr int kNumStepsBefore = 2;

/// Rows of one rank: what the training thread does, then what is under way.
constexpr std::size_t kMainRow = 0;

std::string name_event(char const* what, int rank, std::size_t row,
                       std::string const& name) {
  return fmt::format(
      R"({{"ph":"M","name":"{}","pid":{},"tid":{},"args":{{"name":"{}"}}}},)"
      "\n",
      what, rank, row, name);
}

}  // namespace

void StepTrace::begin_step(std::int64_t step) {
  ++num_seen_;
  if (num_left_ == 0 || num_seen_ <= kNumStepsBefore) return;
  if (!std::exchange(is_on_, true)) {
    world_.barrier();
    zero_s_ = monotonic_s();
  }
  step_ = step;
  step_begin_s_ = monotonic_s();
}

void StepTrace::add(std::string const& name, double begin_s, double end_s) {
  if (is_on_) add_event(name, begin_s, end_s, kMainRow, 0);
}

void StepTrace::add_event(std::string const& name, double begin_s, double end_s,
                          std::size_t row, std::size_t num_bytes) {
  fmt::format_to(std::back_inserter(events_),
                 R"({{"ph":"X","name":"{}","pid":{},"tid":{},"ts":{:.1f},)"
                 R"("dur":{:.1f},"args":{{"step":{},"bytes":{}}}}},)"
                 "\n",
                 name, world_.rank(), row, 1e6 * (begin_s - zero_s_),
                 1e6 * (end_s - begin_s), step_ + 1, num_bytes);
}

void StepTrace::add_exchange(GradientSum const& sums, double backward_begin_s) {
  if (!is_on_) return;
  auto const times = sums.exchange_times();
  double from_s = backward_begin_s;
  std::vector<double> row_ends_s;  // of the rows below the first
  for (std::size_t i = 0; i < times.size(); ++i) {
    auto const name = i < sums.layout().buckets.size()
                          ? fmt::format("bucket {}", i)
                          : std::string("tail");
    auto const num_bytes = sums.exchange_bytes(i);
    add_event("until " + name, from_s, times[i].posted_s, kMainRow, num_bytes);
    from_s = times[i].posted_s;
    auto const row = std::ranges::find_if(
        row_ends_s, [&](double end_s) { return end_s <= times[i].posted_s; });
    auto const index = static_cast<std::size_t>(row - row_ends_s.begin());
    if (row == row_ends_s.end()) row_ends_s.push_back(0.0);
    row_ends_s[index] = times[i].done_s;
    add_event("exchange " + name, times[i].posted_s, times[i].done_s,
              kMainRow + 1 + index, num_bytes);
  }
}

void StepTrace::end_step() {
  if (!is_on_) return;
  add(fmt::format("step {}", step_ + 1), step_begin_s_, monotonic_s());
  if (--num_left_ == 0) finish();
}

void StepTrace::finish() {
  if (std::exchange(is_on_, false)) write();
}

void StepTrace::write() const {
  auto const mine =
      name_event("process_name", world_.rank(), kMainRow,
                 fmt::format("rank {} on {}", world_.rank(), host_name())) +
      name_event("thread_name", world_.rank(), kMainRow, "training") +
      name_event("thread_name", world_.rank(), kMainRow + 1,
                 "gradients under way") +
      events_;
  auto const all = world_.gather_strings(mine);
  Result<void> done;
  if (world_.is_root()) {
    std::string text = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
    for (auto const& events : all) text += events;
    text.erase(text.find_last_of(','));
    done = publish_file(file_, text + "\n]}\n");
  }
  agree_ok(world_, done);
  log_info("trace of the last steps: {} (open it in ui.perfetto.dev)",
           file_.string());
}

}  // namespace gasm
