// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gasm/base/exit_code.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/eval/evaluate.hpp"

namespace gasm {

/// How a run ended.
struct TrainOutcome {
  /// done, or requeue after a signal or train.stop_after.
  ExitCode code = ExitCode::done;
  std::int64_t step = 0;            ///< optimiser steps done in all
  std::optional<double> best_top1;  ///< none before the first validation
  double train_s = 0.0;             ///< wall time of training and validation
};

/// Told on every rank, often: ("train", optimiser steps), ("evaluate", this
/// rank's micro-batches). `detail`: what else a person wants to know, or "".
using OnProgress =
    std::function<void(std::string_view what, std::int64_t done,
                       std::int64_t total, std::string_view detail)>;

/// Trains as `config` says, from the newest checkpoint of the run folder if
/// there is one: run folder, stores, model, loop, validation, checkpoints,
/// records. SIGINT, SIGTERM and SIGUSR1 end it at a step border with a
/// checkpoint. Throws AgreedError where all ranks can end in order.
/// Collective.
TrainOutcome train(Communicator const& world, RunConfig const& config,
                   std::vector<std::string> const& argv,
                   OnProgress const& on_progress = {});

/// Evaluates the run's newest checkpoint (or `checkpoint`, a step folder or a
/// model.safetensors, if not empty) on the store `data` (empty: data.val). A
/// usage error if the store's classes are not those of the training.
/// Collective.
EvalResult evaluate_run(Communicator const& world, RunConfig const& config,
                        std::string const& checkpoint, std::string const& data,
                        OnProgress const& on_progress = {});

/// What a run would do: ranks, clips, steps, batches, parameters; for
/// --dry-run. Writes nothing. Collective.
std::string describe_run(Communicator const& world, RunConfig const& config);

}  // namespace gasm
