// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/step_plan.hpp"

#include <algorithm>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace

std::int64_t num_micro_batches(std::int64_t num_samples,
                               std::int64_t micro_batch) {
  GASM_ASSERT(num_samples >= 0 && micro_batch >= 1);
  auto const num = divide_up(num_samples, micro_batch);
  bool const leaves_one = micro_batch > 1 && num > 1 && num_samples / num < 2;
  return leaves_one ? num - 1 : num;
}

Slice micro_batch_slice(std::int64_t num_samples, std::int64_t num_micro,
                        std::int64_t index) {
  GASM_ASSERT(0 <= index && index < num_micro);
  return {index * num_samples / num_micro,
          (index + 1) * num_samples / num_micro};
}

Slice rank_range(std::int64_t num_micro, std::int64_t rank,
                 std::int64_t num_ranks) {
  GASM_ASSERT(0 <= rank && rank < num_ranks);
  return {rank * num_micro / num_ranks, (rank + 1) * num_micro / num_ranks};
}

BatchPlan::BatchPlan(BatchPlanOptions const& options) : options_(options) {
  if (options.num_samples < 1)
    throw usage_error("the data set has no samples. Try another store");
  if (options.global_batch < 1 || options.micro_batch < 1)
    throw usage_error(
        "global batch {} and micro-batch {} must both be at least 1",
        options.global_batch, options.micro_batch);
}

std::int64_t BatchPlan::steps_per_epoch() const {
  auto const num = divide_up(options_.num_samples, options_.global_batch);
  bool const leaves_one =
      num > 1 && options_.num_samples % options_.global_batch == 1;
  return leaves_one ? num - 1 : num;
}

StepPlan BatchPlan::at(std::int64_t step) const {
  if (step < 0) throw error("there is no step {}", step);
  StepPlan plan;
  plan.step = step;
  plan.epoch = step / steps_per_epoch();
  auto const in_epoch = step % steps_per_epoch();
  plan.positions.begin = in_epoch * options_.global_batch;
  plan.positions.end = in_epoch + 1 == steps_per_epoch()
                           ? options_.num_samples
                           : plan.positions.begin + options_.global_batch;
  plan.num_micro = num_micro_batches(plan.num_samples(), options_.micro_batch);
  return plan;
}

MicroBatchPlan BatchPlan::micro_batch(StepPlan const& step,
                                      std::int64_t index) const {
  Slice const slice =
      micro_batch_slice(step.num_samples(), step.num_micro, index);
  MicroBatchPlan plan;
  plan.step = step.step;
  plan.epoch = step.epoch;
  plan.index = index;
  plan.positions = {step.positions.begin + slice.begin,
                    step.positions.begin + slice.end};
  EpochOrder const order = epoch_order(step.epoch);
  plan.samples.reserve(static_cast<std::size_t>(slice.size()));
  for (auto p = plan.positions.begin; p < plan.positions.end; ++p)
    plan.samples.push_back(order.sample_at(p));
  return plan;
}

std::vector<MicroBatchPlan> BatchPlan::micro_batches(
    StepPlan const& step, std::int64_t rank, std::int64_t num_ranks) const {
  Slice const own = rank_range(step.num_micro, rank, num_ranks);
  std::vector<MicroBatchPlan> plans;
  for (auto i = own.begin; i < own.end; ++i)
    plans.push_back(micro_batch(step, i));
  return plans;
}

EpochOrder BatchPlan::epoch_order(std::int64_t epoch) const {
  switch (options_.order) {
    case SampleOrder::sequential:
      return EpochOrder::identity(options_.num_samples);
    case SampleOrder::blocks:
      return EpochOrder(options_.seed, epoch, options_.num_samples,
                        options_.block_shuffle);
    case SampleOrder::shuffled:
      break;
  }
  return EpochOrder(options_.seed, epoch, options_.num_samples);
}

RankCursor::RankCursor(BatchPlan const& plan, Slice steps, std::int64_t rank,
                       std::int64_t num_ranks)
    : plan_(plan), steps_(steps), rank_(rank), num_ranks_(num_ranks) {
  GASM_ASSERT(0 <= rank && rank < num_ranks);
}

void RankCursor::enter_step() {
  step_ = plan_.at(steps_.begin++);
  todo_ = rank_range(step_.num_micro, rank_, num_ranks_);
}

std::optional<MicroBatchPlan> RankCursor::next() {
  while (todo_.size() == 0) {
    if (steps_.begin >= steps_.end) return std::nullopt;
    enter_step();
  }
  return plan_.micro_batch(step_, todo_.begin++);
}

}  // namespace gasm
