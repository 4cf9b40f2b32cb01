// SPDX-License-Identifier: Apache-2.0
#include "gasm/train/bench_train.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <memory>
#include <span>
#include <vector>

#include "bench_device.hpp"
#include "clip_gradient.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/error.hpp"
#include "gasm/base/median.hpp"
#include "gasm/base/rng.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/eval/forward_batch.hpp"
#include "gasm/models/batch_norm.hpp"
#include "gasm/models/recogniser.hpp"
#include "gradient_sum.hpp"
#include "mixed_loss.hpp"
#include "model_flops.hpp"
#include "optimizer.hpp"
#include "random_batch.hpp"
#include "run_setup.hpp"
#include "train_device.hpp"

namespace gasm {
namespace {

/// What the steps took on this rank, one value a step.
struct StepTimes {
  std::vector<double> step, forward, backward, wait, comm, hidden, optimizer;
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

/// What one rank trains, and on what.
struct Subject {
  Subject(RunConfig const& config, int batch_size, int rank)
      : model(make_recogniser(config.model, config.data.sampling.frames,
                              num_bench_classes(config), config.run.seed,
                              Backbones::absent)),
        parameters(parameter_groups(*model)),
        norms(collect_batch_norms(*model)),
        batch(stored_batch(config, batch_size, rank)) {
    model->set_activations(activations_of(config.train));
    model->train();
  }

  std::shared_ptr<Recogniser> model;
  std::vector<ParameterInfo> parameters;
  std::vector<BatchNorm*> norms;
  MicroBatch batch;
};

/// One micro-batch a rank, as TrainLoop runs it.
void run_step(RunConfig const& config, int num_ranks, Subject& subject,
              GradientSum& sums, Optimizer& optimizer, StepTimes& times) {
  double const start_s = monotonic_s();
  auto const& batch = subject.batch;
  sums.begin_step(num_ranks, num_ranks * batch.size(), /*loss_scale=*/1.0);
  auto const logits = [&] {
    BlockListenerGuard const listener(optimizer.begin_forward());
    return forward_batch(*subject.model, batch, config.train.precision);
  }();
  optimizer.settle();
  auto const loss = mixed_loss(logits, batch, config.optim.label_smoothing);
  double const forward_s = monotonic_s();
  sums.add_micro_batch(loss, {.num_clips = batch.size()});
  double const backward_s = monotonic_s();
  sums.finish_step();
  double const wait_s = monotonic_s();
  auto const flat = sums.flat_gradient();
  clip_gradient(flat, sums.norm(), config.optim.clip_norm);
  optimizer.step(sums.gradients(), config.optim.lr);
  if (!subject.norms.empty())
    apply_running_update(subject.norms, sums.mean_statistics());
  double const end_s = monotonic_s();
  times.step.push_back(end_s - start_s);
  times.forward.push_back(forward_s - start_s);
  times.backward.push_back(backward_s - forward_s);
  times.wait.push_back(wait_s - backward_s);
  times.optimizer.push_back(end_s - wait_s);
  times.comm.push_back(sums.cost().under_way_s);
  times.hidden.push_back(sums.cost().hidden());
}

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
  auto subject = agree_call(world, [&] {
    check(config, options);
    return Subject(config, options.batch, world.rank());
  });
  auto const device = train_device(world, config);
  double const flops = agree_call(world, [&] {
    subject.model->to(device);
    double const counted = training_flops(config, *subject.model, device);
    subject.model->set_activations(activations_of(config.train));
    return counted;
  });
  if (!device.is_cpu())
    return bench_device_steps(world, config, options, device,
                              {*subject.model, subject.parameters,
                               subject.norms, moved_to(device, subject.batch)},
                              flops);
  GradientSum sums(world, subject.parameters, subject.norms,
                   gradient_sum_options(config.parallel));
  auto const optimizer = training_optimizer(config, subject.parameters, sums);
  auto const run = [&](char const* what, int num_steps) {
    StepTimes times;
    for (int i = 0; i < num_steps; ++i) {
      if (options.on_progress)
        options.on_progress(fmt::format("{} {} of {}", what, i + 1, num_steps));
      run_step(config, world.size(), subject, sums, *optimizer, times);
    }
    return times;
  };
  run("warm-up step", options.warm_up);
  world.barrier();
  double const start_s = monotonic_s();
  StepTimes const times = run("step", options.num_steps);
  optimizer->settle();
  double const passed_s = world.all_reduce_max(monotonic_s() - start_s);
  auto const slowest = [&](std::vector<double> const& of_steps) {
    return world.all_reduce_max(median(of_steps));
  };
  double const num_samples =
      double{1} * world.size() * options.batch * options.num_steps;
  std::int64_t num_parameters = 0;
  for (auto const& info : subject.parameters)
    num_parameters += info.parameter.numel();
  return {.samples_per_s = num_samples / passed_s,
          .flops_a_sample = flops,
          .step_s = slowest(times.step),
          .forward_s = slowest(times.forward),
          .backward_s = slowest(times.backward),
          .wait_s = slowest(times.wait),
          .optimizer_s = slowest(times.optimizer),
          .comm_s = slowest(times.comm),
          .comm_hidden = world.all_reduce_min(median(times.hidden)),
          .num_parameters = num_parameters,
          .num_ranks = world.size(),
          .batch = options.batch};
}

}  // namespace gasm
