// SPDX-License-Identifier: Apache-2.0
#include "gasm/train/bench_train.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <memory>
#include <span>
#include <vector>

#include "clip_gradient.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/error.hpp"
#include "gasm/base/median.hpp"
#include "gasm/base/rng.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/collective.hpp"
#include "gasm/eval/forward_batch.hpp"
#include "gasm/models/batch_norm.hpp"
#include "gasm/models/recogniser.hpp"
#include "gradient_sum.hpp"
#include "mixed_loss.hpp"
#include "optimizer.hpp"
#include "random_batch.hpp"
#include "run_setup.hpp"

namespace gasm {
namespace {

/// What the steps took on this rank, one value a step.
struct StepTimes {
  std::vector<double> step, forward, backward, comm, optimizer;
};

/// Features as a store has them.
MicroBatch stored_batch(RunConfig const& config, int num_clips, int rank) {
  torch::manual_seed(
      mix_key({config.run.seed, static_cast<std::uint64_t>(rank)}));
  MicroBatch batch = random_batch(config, num_clips);
  if (batch.semantic.defined()) batch.semantic = batch.semantic.to(at::kHalf);
  if (batch.motion.defined()) batch.motion = batch.motion.to(at::kHalf);
  return batch;
}

class Training {
 public:
  Training(Communicator const& world, RunConfig const& config, int batch)
      : world_(world),
        config_(config),
        model_(make_recogniser(config.model, config.data.sampling.frames,
                               num_bench_classes(config), config.run.seed,
                               Backbones::absent)),
        parameters_(parameter_groups(*model_)),
        norms_(collect_batch_norms(*model_)),
        optimizer_(make_optimizer(config.optim, parameters_,
                                  lr_scales(config, parameters_))),
        sums_(parameters_, norms_),
        batch_(stored_batch(config, batch, world.rank())) {
    bool const is_recomputed = config.train.activation_checkpointing ==
                               ActivationCheckpointing::blocks;
    model_->set_activations(is_recomputed ? Activations::recomputed
                                          : Activations::kept);
    model_->train();
  }

  /// One micro-batch a rank, as TrainLoop runs it.
  void step(Collective& collective, StepTimes& times) {
    double const start_s = monotonic_s();
    std::int64_t const num_ranks = world_.size();
    sums_.begin_step(num_ranks, num_ranks * batch_.size(), world_.rank(), 1,
                     /*loss_scale=*/1.0);
    auto const logits = forward_batch(*model_, batch_, config_.train.precision);
    auto const loss = mixed_loss(logits, batch_, config_.optim.label_smoothing);
    double const forward_s = monotonic_s();
    sums_.add_micro_batch(loss, {.num_clips = batch_.size()});
    double const backward_s = monotonic_s();
    sums_.finish_step(collective);
    double const comm_s = monotonic_s();
    auto const flat = sums_.flat_gradient();
    clip_gradient(flat, gradient_norm(flat), config_.optim.clip_norm);
    optimizer_->step(sums_.gradients(), config_.optim.lr);
    if (!norms_.empty()) apply_running_update(norms_, sums_.mean_statistics());
    double const end_s = monotonic_s();
    times.step.push_back(end_s - start_s);
    times.forward.push_back(forward_s - start_s);
    times.backward.push_back(backward_s - forward_s);
    times.comm.push_back(comm_s - backward_s);
    times.optimizer.push_back(end_s - comm_s);
  }

  std::int64_t num_parameters() const {
    std::int64_t count = 0;
    for (auto const& info : parameters_) count += info.parameter.numel();
    return count;
  }

 private:
  Communicator const& world_;
  RunConfig const& config_;
  std::shared_ptr<Recogniser> model_;
  std::vector<ParameterInfo> parameters_;
  std::vector<BatchNorm*> norms_;
  std::unique_ptr<Optimizer> optimizer_;
  GradientSum sums_;
  MicroBatch batch_;
};

void check(RunConfig const& config, BenchTrainOptions const& options) {
  if (config.data.source != DataSource::features)
    throw usage_error(
        "data.source is clips, but random features are trained on. Try --set "
        "data.source=features");
  if (options.batch < 1 || options.num_steps < 1)
    throw usage_error("batch {} and steps {} must be at least 1", options.batch,
                      options.num_steps);
  if (options.warm_up < 0)
    throw usage_error("warm-up is {} (must be at least 0). Try 3",
                      options.warm_up);
}

}  // namespace

BenchTrainResult bench_train(Communicator const& world, RunConfig const& config,
                             BenchTrainOptions const& options) {
  set_torch_threads();
  auto training = agree_call(world, [&] {
    check(config, options);
    return std::make_unique<Training>(world, config, options.batch);
  });
  auto const collective =
      world.size() > 1 ? make_mpi_collective(world) : make_self_collective();
  auto const run = [&](char const* what, int num_steps) {
    StepTimes times;
    for (int i = 0; i < num_steps; ++i) {
      if (options.on_progress)
        options.on_progress(fmt::format("{} {} of {}", what, i + 1, num_steps));
      training->step(*collective, times);
    }
    return times;
  };
  run("warm-up step", options.warm_up);
  world.barrier();
  double const start_s = monotonic_s();
  StepTimes const times = run("step", options.num_steps);
  std::vector<double> slowest = {
      monotonic_s() - start_s, median(times.step), median(times.forward),
      median(times.backward),  median(times.comm), median(times.optimizer)};
  world.all_reduce_max(std::span<double>(slowest));
  double const num_samples =
      double{1} * world.size() * options.batch * options.num_steps;
  return {.samples_per_s = num_samples / slowest[0],
          .step_s = slowest[1],
          .forward_s = slowest[2],
          .backward_s = slowest[3],
          .comm_s = slowest[4],
          .optimizer_s = slowest[5],
          .num_parameters = training->num_parameters(),
          .num_ranks = world.size(),
          .batch = options.batch};
}

}  // namespace gasm
