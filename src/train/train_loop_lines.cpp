// SPDX-License-Identifier: Apache-2.0
// What the training loop reports: lines of the curve, of the data, and ranks
// that are slow.
#include <array>
#include <utility>

#include "gasm/base/clock.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"
#include "train_loop.hpp"

namespace gasm {

void TrainLoop::write_line(StepSums const& sums,
                           MicroBatchPrefetcher const& batches, RunLog& log) {
  Pace const now{.since_s = monotonic_s(),
                 .wait_s = batches.stats().data_wait_s};
  double const passed_s = now.since_s - pace_.since_s;
  double const clips_per_s = static_cast<double>(pace_.num_clips) / passed_s;
  auto const& utilisation = parts_.utilisation;
  auto const skew = look_at_skew(log);
  auto const logged = log.write_step(
      {.step = state_.step,
       .epoch = epoch(),
       .loss = sums.loss,
       .top1 = sums.top1,
       .lr = lr_,
       .grad_norm = grad_norm_,
       .num_bad = sums.num_bad,
       .num_skipped = state_.skipped.total,
       .clips_per_s = clips_per_s,
       .mfu = utilisation ? std::optional(utilisation->at(clips_per_s /
                                                          parts_.world.size()))
                          : std::nullopt,
       .data_wait_fraction = (now.wait_s - pace_.wait_s) / passed_s,
       .phases = phases_,
       .skew = skew});
  agree_ok(parts_.world, logged);
  phases_ = {};
  pace_ = now;
}

void TrainLoop::record_data(MicroBatchPrefetcher const& batches, RunLog& log) {
  auto const stats = batches.stats();
  LoadCounters const now{.time_s = monotonic_s() - paused_s_,
                         .wait_s = stats.data_wait_s,
                         .work_s = stats.work_s,
                         .num_bytes = static_cast<double>(
                             parts_.data.train.loader->num_bytes_read()),
                         .num_clips = num_loaded_,
                         .num_ready = static_cast<double>(stats.num_ready),
                         .num_asked = static_cast<double>(stats.num_delivered)};
  auto const& then = loaded_;
  std::array sums = {
      now.time_s - then.time_s,       now.wait_s - then.wait_s,
      now.work_s - then.work_s,       now.num_bytes - then.num_bytes,
      now.num_clips - then.num_clips, now.num_ready - then.num_ready,
      now.num_asked - then.num_asked};
  loaded_ = now;
  parts_.world.all_reduce_sum(std::span<double>(sums));
  auto const [time_s, wait_s, work_s, bytes, clips, ready, asked] = sums;
  auto const rank_time_s = time_s / parts_.world.size();
  agree_ok(parts_.world,
           log.write_data({.step = state_.step,
                           .epoch = epoch(),
                           .read_gb_per_s = bytes * 1e-9 / rank_time_s,
                           .load_ms = 1e3 * work_s / clips,
                           .queue_depth = ready / asked,
                           .data_wait_fraction = wait_s / time_s}));
}

std::optional<Skew> TrainLoop::look_at_skew(RunLog& log) {
  auto const own = std::exchange(own_, {});
  // What a GPU does is not the host's time.
  if (!parts_.device.is_cpu()) return std::nullopt;
  auto const skew = skew_.look(parts_.world, own);
  if (auto const text = skew_.warning(parts_.world); !text.empty()) {
    log_warn("{}", text);
    agree_ok(parts_.world, log.alert(state_.step, "rank_skew", text));
  }
  return skew;
}

}  // namespace gasm
