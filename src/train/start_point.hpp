// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "gasm/ckpt/checkpoint.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/models/recogniser.hpp"

namespace gasm {

/// What a run goes on from.
struct StartPoint {
  Checkpoint checkpoint;
  /// The step folder of another run that the run began with.
  std::optional<std::string> started_from;
};

/// What checkpoint.resume, which is `wanted`, says to a run whose checkpoints
/// are `own`; none: it starts afresh. With a path the run begins there, unless
/// it has checkpoints: then it goes on from its own if it began there, and else
/// is refused. A path in its own folder takes it back to that step. The same
/// Error on all ranks where there is nothing to go on from, or what is there is
/// damaged or of a newer version. Collective.
std::optional<StartPoint> find_start(Communicator const& world,
                                     CheckpointStore const& own,
                                     std::string const& wanted);

/// A usage error that names what differs, if the checkpoint is of another
/// experiment (run_setup.hpp): keys, where the config.yaml of its run is there,
/// else tensors of the model.
void check_experiment(Checkpoint const& checkpoint, RunConfig const& config,
                      Recogniser const& model);

}  // namespace gasm
