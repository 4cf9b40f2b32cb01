// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <vector>

#include "gasm/comm/communicator.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/data/micro_batch.hpp"
#include "gasm/models/batch_norm.hpp"
#include "gasm/models/model_summary.hpp"
#include "gasm/models/recogniser.hpp"
#include "gasm/train/bench_train.hpp"

namespace gasm {

/// What is trained, and on what: on one device.
struct DeviceSubject {
  Recogniser& model;
  std::vector<ParameterInfo> const& parameters;
  std::vector<BatchNorm*> const& norms;
  MicroBatch batch;
};

/// bench_train on GPUs, whose `subject` needs `flops_a_sample`: steps follow
/// each other without waiting, as TrainLoop takes them. Collective.
BenchTrainResult bench_device_steps(Communicator const& world,
                                    RunConfig const& config,
                                    BenchTrainOptions const& options,
                                    at::Device device,
                                    DeviceSubject const& subject,
                                    double flops_a_sample);

}  // namespace gasm
