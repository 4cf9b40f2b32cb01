// SPDX-License-Identifier: Apache-2.0
#include "gasm/train/bench_model.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <memory>

#include "gasm/base/clock.hpp"
#include "gasm/base/median.hpp"
#include "gasm/eval/forward_batch.hpp"
#include "gasm/models/mac_count.hpp"
#include "gasm/models/model_summary.hpp"
#include "gasm/models/peak_memory.hpp"
#include "gasm/models/recogniser.hpp"
#include "mixed_loss.hpp"
#include "optimizer.hpp"
#include "random_batch.hpp"
#include "run_setup.hpp"

namespace gasm {
namespace {

class Subject {
 public:
  explicit Subject(RunConfig const& config)
      : config_(config),
        model_(make_recogniser(config.model, config.data.sampling.frames,
                               num_bench_classes(config), config.run.seed,
                               config.data.source == DataSource::features
                                   ? Backbones::absent
                                   : Backbones::built)),
        parameters_(parameter_groups(*model_)),
        optimizer_(make_optimizer(config.optim, parameters_,
                                  lr_scales(config, parameters_))),
        batch_(random_batch(config, config.train.micro_batch)) {
    model_->set_activations(activations_of(config.train));
    for (auto& info : parameters_)
      info.parameter.mutable_grad() = at::zeros_like(info.parameter);
  }

  void forward(MicroBatch const& batch) {
    at::NoGradGuard const no_grad;
    model_->train(false);
    forward_batch(*model_, batch, config_.train.precision);
  }

  void step() {
    model_->train();
    std::vector<at::Tensor> grads;
    for (auto& info : parameters_)
      grads.push_back(info.parameter.mutable_grad().zero_());
    auto const logits = forward_batch(*model_, batch_, config_.train.precision);
    mixed_loss(logits, batch_, config_.optim.label_smoothing).backward();
    optimizer_->step(grads, config_.optim.lr);
  }

  void repeat(bool counts) {
    double const start_s = monotonic_s();
    forward(batch_);
    double const middle_s = monotonic_s();
    step();
    if (!counts) return;
    forward_s_.push_back(middle_s - start_s);
    step_s_.push_back(monotonic_s() - middle_s);
  }

  ModelCost result() {
    auto const parts = describe(*model_);
    auto const one = random_batch(config_, 1);
    return {.summary = summary_text(parts),
            .claimed_macs = parts.back().macs,
            .traced_macs = count_macs([&] { forward(one); }),
            .trainable = parts.back().trainable,
            .num_clips = config_.train.micro_batch,
            .forward_s = median(forward_s_),
            .step_s = median(step_s_),
            .peak_bytes = peak_tensor_bytes([&] { step(); })};
  }

 private:
  RunConfig const& config_;
  std::shared_ptr<Recogniser> model_;
  std::vector<ParameterInfo> parameters_;
  std::unique_ptr<Optimizer> optimizer_;
  MicroBatch batch_;
  std::vector<double> forward_s_, step_s_;
};

}  // namespace

std::vector<ModelCost> bench_models(
    std::span<RunConfig const> configs, int num_repeats,
    std::function<void(std::string const&)> const& on_progress) {
  set_torch_threads();
  std::vector<std::unique_ptr<Subject>> subjects;
  for (auto const& config : configs)
    subjects.push_back(std::make_unique<Subject>(config));
  for (int i = 0; i <= num_repeats; ++i)
    for (std::size_t k = 0; k < subjects.size(); ++k) {
      if (on_progress)
        on_progress(
            fmt::format("repeat {} of {}, model {}", i, num_repeats, k + 1));
      subjects[k]->repeat(/*counts=*/i > 0);
    }
  std::vector<ModelCost> costs;
  for (auto const& subject : subjects) costs.push_back(subject->result());
  return costs;
}

}  // namespace gasm
