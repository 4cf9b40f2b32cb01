// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gasm {

class Communicator;
class SampleStore;
class Recogniser;
struct RunConfig;

/// What model.fusion.standardise: fixed subtracts and divides by, before the
/// first step: the statistics of model.fusion.statistics, or of `train` if it
/// holds features. Other models stay as they are. A usage error if the
/// statistics are of other streams than the model's. Collective.
void set_statistics(Communicator const& world, RunConfig const& config,
                    SampleStore const& train, Recogniser& model);

}  // namespace gasm
