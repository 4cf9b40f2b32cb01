// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "gasm/config/timesformer_config.hpp"
#include "gasm/models/recogniser.hpp"
#include "gasm/models/timesformer.hpp"

namespace gasm {

/// The TimeSformer of a configuration, for clips of `clip_frames` frames.
TimesformerOptions timesformer_options(TimesformerConfig const& config,
                                       std::int64_t clip_frames,
                                       std::int64_t num_classes);

/// The recogniser of model.kind: timesformer. Every parameter learns. Names
/// are those of Timesformer below `timesformer`.
class TimesformerModel : public Recogniser {
 public:
  TimesformerModel(TimesformerConfig const& config, std::int64_t clip_frames,
                   std::int64_t num_classes);

  at::Tensor forward(at::Tensor const& clips, Trace* trace = nullptr) override;
  void set_activations(Activations activations) override {
    body_->set_activations(activations);
  }
  std::vector<PartSummary> parts() override;

  Timesformer& body() { return *body_; }

 private:
  TimesformerConfig config_;
  std::shared_ptr<Timesformer> body_;
  at::Tensor shift_, scale_;
};

}  // namespace gasm
