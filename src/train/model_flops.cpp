// SPDX-License-Identifier: Apache-2.0
#include "model_flops.hpp"

#include "cuda_support.hpp"
#include "device_peak.hpp"
#include "device_stream.hpp"
#include "gasm/eval/forward_batch.hpp"
#include "gasm/models/mac_count.hpp"
#include "mixed_loss.hpp"
#include "random_batch.hpp"

namespace gasm {

double training_flops(RunConfig const& config, Recogniser& model,
                      at::Device device) {
  // Batch norm wants more than one.
  constexpr std::int64_t kNumClips = 2;
  auto const batch = moved_to(device, random_batch(config, kNumClips));
  model.train();
  model.set_activations(Activations::kept);
  double const macs = count_macs([&] {
    OneThreadBackward const here;
    auto const logits = forward_batch(model, batch, config.train.precision);
    mixed_loss(logits, batch, config.optim.label_smoothing).backward();
  });
  for (auto& parameter : model.parameters()) parameter.mutable_grad().reset();
  return 2.0 * macs / static_cast<double>(kNumClips);
}

std::optional<Utilisation> utilisation_of(RunConfig const& config,
                                          Recogniser& model,
                                          at::Device device) {
  auto const peak = peak_flops(device_name(device), config.train.precision);
  if (!peak) return std::nullopt;
  return Utilisation{training_flops(config, model, device), *peak};
}

}  // namespace gasm
