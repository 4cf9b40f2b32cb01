// SPDX-License-Identifier: Apache-2.0
#include "device_step.hpp"

#include <array>
#include <utility>

#include "gasm/base/log.hpp"
#include "gasm/models/autocast.hpp"
#include "run_setup.hpp"
#include "train_device.hpp"

namespace gasm {
namespace {

/// Steps that run as they are before one is recorded: in the first, buckets
/// and moments are made; libraries choose their kernels in the others.
constexpr std::int64_t kPlainSteps = 3;

constexpr std::array kTensors = {&MicroBatch::clips, &MicroBatch::semantic,
                                 &MicroBatch::motion, &MicroBatch::labels,
                                 &MicroBatch::other_labels};

bool has_same_shapes(MicroBatch const& a, MicroBatch const& b) {
  for (auto const tensor : kTensors) {
    at::Tensor const &one = a.*tensor, &other = b.*tensor;
    if (one.defined() != other.defined()) return false;
    if (one.defined() && (one.sizes() != other.sizes() ||
                          one.scalar_type() != other.scalar_type()))
      return false;
  }
  return a.own_share == 1.0 && b.own_share == 1.0;
}

}  // namespace

MicroBatch moved_to(SideStream const& side, MicroBatch const& batch) {
  auto moved = batch;
  if (side.device().is_cpu()) return moved;
  auto const compute = compute_stream(side.device());
  side.run([&] {
    for (auto const tensor : kTensors) {
      moved.*tensor = moved_to(side.device(), batch.*tensor);
      // Else its memory could be given to the next copy too early.
      if ((moved.*tensor).defined()) (moved.*tensor).record_stream(*compute);
    }
  });
  side.hold_compute();
  return moved;
}

/// A micro-batch's forward and backward, and the memory that they read.
struct DeviceStep::Recorded {
  std::unique_ptr<StepGraph> graph;
  MicroBatch batch;
  at::Tensor loss;
  double num_samples = 0.0;
};

DeviceStep::DeviceStep(Communicator const& world, RunConfig const& config,
                       at::Device device,
                       std::vector<ParameterInfo> const& parameters,
                       std::vector<BatchNorm*> const& norms,
                       WeightAverage* average, LossScale const& scale,
                       Score score)
    : copies_(device),
      exchange_(device),
      collective_(device_collective(world, config, device, exchange_.native())),
      score_(std::move(score)),
      sums_(std::make_unique<DeviceGradientSum>(
          world, *collective_, exchange_, parameters, norms,
          gradient_sum_options(config.parallel))),
      optimizer_(std::make_unique<DeviceOptimizer>(
          config.optim, parameters, lr_scales(config, parameters), *sums_)),
      update_(std::make_unique<DeviceUpdate>(config, *sums_, *optimizer_, norms,
                                             average, scale)) {
  auto const reason = reason_not_to_record(config, device, world.size());
  may_record_ = reason.empty();
  if (!device.is_cpu())
    log_info("CUDA graphs: {}",
             may_record_ ? "from step 4 on" : "none (" + reason + ")");
}

DeviceStep::~DeviceStep() = default;

void DeviceStep::begin_step(std::int64_t step, std::int64_t num_micro,
                            std::int64_t num_samples) {
  step_ = step;
  guard_ = {};
  sums_->begin_step(num_micro, num_samples);
}

void DeviceStep::add(MicroBatch const& batch) {
  auto const here = moved_to(copies_, batch);
  if (is_recordable(here)) return replay(here);
  auto const scores = score_(here);
  guard_.note_loss(batch.index, scores.loss);
  sums_->add_micro_batch(
      scores, {.num_clips = batch.size(), .num_bad = batch.num_bad()},
      update_->scale());
}

bool DeviceStep::is_recordable(MicroBatch const& batch) const {
  if (!may_record_ || num_plain_ < kPlainSteps || batch.own_share != 1.0)
    return false;
  return !recorded_ || (has_same_shapes(batch, recorded_->batch) &&
                        recorded_->num_samples == sums_->num_samples());
}

void DeviceStep::replay(MicroBatch const& batch) {
  if (!recorded_) {
    auto made = std::make_unique<Recorded>();
    made->graph = make_step_graph(copies_.device());
    made->batch = batch;
    for (auto const tensor : kTensors)
      if ((batch.*tensor).defined())
        made->batch.*tensor = (batch.*tensor).clone();
    made->num_samples = sums_->num_samples();
    made->graph->record([&] {
      // A copy from outside would be that of this step's weights for ever.
      AutocastCacheOff const no_copies;
      auto const scores = score_(made->batch);
      made->loss = scores.loss.detach();
      sums_->accumulate(scores, batch.size(), update_->scale());
    });
    recorded_ = std::move(made);
  }
  for (auto const tensor : kTensors)
    if ((batch.*tensor).defined())
      (recorded_->batch.*tensor).copy_(batch.*tensor);
  recorded_->graph->replay();
  ++num_replays_;
  guard_.note_loss(batch.index, recorded_->loss.clone());
  sums_->count_micro_batch(batch.num_bad());
}

void DeviceStep::update(double lr) {
  optimizer_->set_rate(lr);
  if (may_record_ && num_plain_ >= kPlainSteps) {
    replay_update();
  } else {
    update_->run();
    ++num_plain_;
  }
  pending_.push_back({.step = step_,
                      .lr = lr,
                      .num_samples = sums_->num_samples(),
                      .found = LateNumbers(update_->found()),
                      .guard = std::exchange(guard_, {})});
}

void DeviceStep::replay_update() {
  if (!recorded_update_) {
    recorded_update_ = make_step_graph(copies_.device());
    recorded_update_->record([&] { update_->run(); });
  }
  recorded_update_->replay();
}

std::vector<DoneStep> DeviceStep::take(std::size_t num_left) {
  std::vector<DoneStep> done;
  while (pending_.size() > num_left) {
    auto first = std::move(pending_.front());
    pending_.pop_front();
    done.push_back({.step = first.step,
                    .lr = first.lr,
                    .outcome = DeviceUpdate::outcome_of(first.found.get(),
                                                        first.num_samples),
                    .guard = std::move(first.guard)});
  }
  return done;
}

std::string reason_not_to_record(RunConfig const& config, at::Device device,
                                 int num_ranks) {
  if (!device.is_cuda()) return "on a CPU";
  if (config.train.cuda_graph == CudaGraph::off) return "train.cuda_graph: off";
  if (num_ranks > 1)
    return "the exchange with other ranks goes on during backward, and is not "
           "recorded";
  if (config.data.source != DataSource::features)
    return "clips are long work, and launching it costs nothing beside it";
  if (config.train.activation_checkpointing != ActivationCheckpointing::none)
    return "train.activation_checkpointing: the second pass sets generators "
           "back";
  if (config.data.feature_augment.mixup_alpha > 0.0)
    return "data.feature_augment.mixup_alpha: a number of each batch's own is "
           "part of its loss";
  return "";
}

}  // namespace gasm
