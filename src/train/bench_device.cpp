// SPDX-License-Identifier: Apache-2.0
#include "bench_device.hpp"

#include <fmt/format.h>

#include "cuda_support.hpp"
#include "device_peak.hpp"
#include "device_step.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/eval/forward_batch.hpp"
#include "mixed_loss.hpp"
#include "model_flops.hpp"

namespace gasm {

BenchTrainResult bench_device_steps(Communicator const& world,
                                    RunConfig const& config,
                                    BenchTrainOptions const& options,
                                    at::Device device,
                                    DeviceSubject const& subject,
                                    double flops_a_sample) {
  auto const score = [&](MicroBatch const& batch) {
    auto const logits =
        forward_batch(subject.model, batch, config.train.precision);
    return DeviceScores{mixed_loss(logits, batch, config.optim.label_smoothing),
                        top1_hits(logits, batch)};
  };
  DeviceStep step(world, config, device, subject.parameters, subject.norms,
                  nullptr, first_loss_scale(/*is_scaled=*/false), score);
  std::int64_t num_done = 0;
  auto const run = [&](char const* what, int num_steps) {
    for (int i = 0; i < num_steps; ++i) {
      if (options.on_progress)
        options.on_progress(fmt::format("{} {} of {}", what, i + 1, num_steps));
      step.begin_step(++num_done, world.size(), world.size() * options.batch);
      step.add(subject.batch);
      step.finish_exchange();
      step.update(config.optim.lr);
      step.earlier_steps();
    }
    step.all_steps();  // waits
  };
  run("warm-up step", options.warm_up);
  world.barrier();
  double const start_s = monotonic_s();
  run("step", options.num_steps);
  double const passed_s = world.all_reduce_max(monotonic_s() - start_s);
  step.close();

  std::int64_t num_parameters = 0;
  for (auto const& info : subject.parameters)
    num_parameters += info.parameter.numel();
  BenchTrainResult result;
  result.device = device.str();
  result.samples_per_s =
      double{1} * world.size() * options.batch * options.num_steps / passed_s;
  result.flops_a_sample = flops_a_sample;
  if (auto const peak = peak_flops(device_name(device), config.train.precision))
    result.mfu = Utilisation{flops_a_sample, *peak}.at(result.samples_per_s /
                                                       world.size());
  result.step_s = passed_s / options.num_steps;
  result.num_parameters = num_parameters;
  result.num_ranks = world.size();
  result.batch = options.batch;
  return result;
}

}  // namespace gasm
