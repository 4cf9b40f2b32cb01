// SPDX-License-Identifier: Apache-2.0
#include "step_guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace gasm {
namespace {

constexpr int kMaxNamed = 3;
constexpr std::int64_t kNone = -1;

bool is_finite(at::Tensor const& values) {
  return at::isfinite(values).all().item<bool>();
}

/// "WHAT of micro-batch 3 on rank 1, ...", of the first ranks that have any.
std::string named(std::string_view what,
                  std::vector<std::int64_t> const& micro_batches) {
  std::string text;
  int num_named = 0, num_more = 0;
  for (std::size_t rank = 0; rank < micro_batches.size(); ++rank) {
    if (micro_batches[rank] == kNone) continue;
    if (num_named == kMaxNamed) {
      ++num_more;
      continue;
    }
    text += fmt::format("{}{} of micro-batch {} on rank {}",
                        num_named++ > 0 ? ", " : "", what,
                        micro_batches[rank] + 1, rank);
  }
  return num_more > 0 ? fmt::format("{}, and {} more", text, num_more) : text;
}

}  // namespace

StepHealth health_of(double loss, double grad_norm,
                     at::Tensor const& statistics, LossScale const& scale) {
  // An infinite variance makes zeros of activations, and a loss like any.
  bool const has_lost_statistics =
      statistics.defined() && statistics.numel() > 0 && !is_finite(statistics);
  if (!std::isfinite(loss) || has_lost_statistics)
    return StepHealth::not_finite;
  if (std::isfinite(grad_norm)) return StepHealth::finite;
  return scale.value > kLeastLossScale ? StepHealth::overflow
                                       : StepHealth::not_finite;
}

void SkippedSteps::count(StepHealth health) {
  if (health == StepHealth::finite) {
    in_row = overflows = 0;
    return;
  }
  ++total;
  ++in_row;
  if (health == StepHealth::overflow) ++overflows;
}

std::string describe_fault(double loss, double grad_norm,
                           std::string const& culprits) {
  // A nan has a sign, which says nothing.
  auto const shown = [](double x) { return std::isnan(x) ? std::abs(x) : x; };
  return fmt::format("loss {}, gradient norm {}{}{}", shown(loss),
                     shown(grad_norm),
                     culprits.empty() ? "" : "; not finite: ", culprits);
}

Error divergence(std::int64_t step, std::string const& fault,
                 SkippedSteps const& skipped, TrainConfig const& train) {
  std::string how = fault;
  if (skipped.in_row > 1)
    how += fmt::format("; {} steps in a row changed nothing", skipped.in_row);
  if (skipped.overflows > 0)
    return error(
        "training diverged at step {} ({}, {} of them to lower the loss scale, "
        "which is down to {}). Try train.precision: bf16, or a lower optim.lr",
        step, how, skipped.overflows, kLeastLossScale);
  return error(
      "training diverged at step {} ({}). Try a lower optim.lr, a longer "
      "optim.warmup_epochs or a smaller optim.clip_norm{}",
      step, how,
      train.max_skipped_steps == 0
          ? ", or train.max_skipped_steps: 3 if the data may be at fault"
          : "");
}

void StepGuard::note_loss(std::int64_t micro_batch, at::Tensor const& loss) {
  losses_.emplace_back(micro_batch, loss.detach());
}

std::string StepGuard::find_culprits(
    Communicator const& world, std::optional<std::int64_t> bad_gradient) const {
  auto const own = std::ranges::find_if(
      losses_, [](auto const& noted) { return !is_finite(noted.second); });
  auto const losses =
      world.all_gather(own == losses_.end() ? kNone : own->first);
  auto const gradients = world.all_gather(bad_gradient.value_or(kNone));
  auto const text = named("the loss", losses);
  return text.empty() ? named("the gradient", gradients) : text;
}

}  // namespace gasm
