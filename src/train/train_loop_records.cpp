// SPDX-License-Identifier: Apache-2.0
// What the training loop shows beside the curve.
#include "gasm/comm/agree.hpp"
#include "parameter_histograms.hpp"
#include "train_loop.hpp"

namespace gasm {

void TrainLoop::show_frames(MicroBatch const& batch, RunLog& log) const {
  bool const is_first =
      batch.index == 0 && batch.step % plan_.steps_per_epoch() == 0;
  if (!is_first || !parts_.config.log.images || !batch.clips.defined()) return;
  if (auto* const board = log.board())
    value_or_throw(board->write_frames(batch.step, batch.clips));
}

bool TrainLoop::is_histogram_due() const {
  auto const every = parts_.config.log.histograms_every_steps;
  return every > 0 && state_.step % every == 0;
}

void TrainLoop::write_histograms(RunLog& log, double scale) {
  settle_parameters();
  auto const found = [&] {
    if (!device_) {
      bool const is_shared_out =
          gradient_sum_options(parts_.config.parallel).whom == SumFor::owner;
      return parameter_histograms(
          parts_.world, parameters_, sums_->gradients(),
          is_shared_out
              ? std::optional<OwnedGradients>({sums_->layout(), sums_->owned()})
              : std::nullopt,
          scale);
    }
    auto const& sums = device_->sums();
    return parameter_histograms(
        parts_.world, parameters_, sums.gradients(),
        sums.is_shared_out()
            ? std::optional<OwnedGradients>({sums.layout(), sums.owned()})
            : std::nullopt,
        scale);
  }();
  auto* const board = log.board();
  agree_ok(parts_.world, board ? board->write_histograms(state_.step, found)
                               : Result<void>{});
}

}  // namespace gasm
