// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "cuda_support.hpp"
#include "device_stream.hpp"
#include "device_update.hpp"
#include "gasm/comm/collective.hpp"
#include "gasm/data/micro_batch.hpp"
#include "step_guard.hpp"

namespace gasm {

/// A micro-batch's tensors on `device`: copied in `side` from page-locked
/// memory, while the device computes; what the calling thread computes next
/// waits for the copies. On a CPU the batch itself.
MicroBatch moved_to(SideStream const& side, MicroBatch const& batch);

/// One thing that the host learns late: a step that a device has done.
struct DoneStep {
  std::int64_t step = 0;  ///< counted from 1
  double lr = 0.0;
  StepOutcome outcome;
  StepGuard guard;  ///< its micro-batches' losses
};

/// What a training step is on a GPU: the host puts forward, backward, exchange
/// and update into streams, and reads what became of a step when the next one
/// has been put there. With `train.cuda_graph` and one rank, forward with
/// backward, and the update, are recorded and replayed.
class DeviceStep {
 public:
  /// Forward and loss of a batch that is on the device.
  using Score = std::function<DeviceScores(MicroBatch const&)>;

  /// All must outlive it; the model is on `device`. `average`: nullptr where
  /// none is kept. Collective.
  DeviceStep(Communicator const& world, RunConfig const& config,
             at::Device device, std::vector<ParameterInfo> const& parameters,
             std::vector<BatchNorm*> const& norms, WeightAverage* average,
             LossScale const& scale, Score score);
  ~DeviceStep();

  /// As DeviceGradientSum. `step`: counted from 1.
  void begin_step(std::int64_t step, std::int64_t num_micro,
                  std::int64_t num_samples);
  /// A batch in host memory (or on the device already).
  void add(MicroBatch const& batch);
  void give_up_step() { sums_->give_up_step(); }
  /// Ends the exchange. Collective.
  void finish_exchange() { sums_->finish_step(); }
  /// Puts the update into the stream. Collective.
  void update(double lr);

  /// Steps that have not been told of yet, but the newest one, which the
  /// device may not have done. Hardly waits.
  std::vector<DoneStep> earlier_steps() { return take(/*num_left=*/1); }
  /// All of them. Waits.
  std::vector<DoneStep> all_steps() { return take(/*num_left=*/0); }

  /// At an orderly end. Collective.
  void close() { collective_->close(); }

  DeviceOptimizer& optimizer() { return *optimizer_; }
  DeviceUpdate& updater() { return *update_; }
  DeviceGradientSum const& sums() const { return *sums_; }
  std::int64_t num_replays() const { return num_replays_; }

 private:
  struct Pending {
    std::int64_t step;
    double lr, num_samples;
    LateNumbers found;
    StepGuard guard;
  };
  struct Recorded;

  std::vector<DoneStep> take(std::size_t num_left);
  bool is_recordable(MicroBatch const& batch) const;
  void replay(MicroBatch const& batch);
  void replay_update();

  SideStream copies_;
  SideStream exchange_;
  std::unique_ptr<Collective> collective_;
  Score score_;
  std::unique_ptr<DeviceGradientSum> sums_;
  std::unique_ptr<DeviceOptimizer> optimizer_;
  std::unique_ptr<DeviceUpdate> update_;
  bool may_record_;
  std::unique_ptr<Recorded> recorded_;
  std::unique_ptr<StepGraph> recorded_update_;
  std::int64_t num_plain_ = 0;  ///< updates that were not replayed
  std::int64_t num_replays_ = 0;
  std::int64_t step_ = 0;
  StepGuard guard_;
  std::deque<Pending> pending_;
};

/// Why steps of this configuration cannot be recorded as CUDA graphs; empty
/// if they can.
std::string reason_not_to_record(RunConfig const& config, at::Device device,
                                 int num_ranks);

}  // namespace gasm
