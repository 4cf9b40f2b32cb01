// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "device_stream.hpp"
#include "gasm/comm/collective.hpp"
#include "gradient_layout.hpp"
#include "gradient_sum.hpp"
#include "ready_hooks.hpp"
#include "ready_order.hpp"

namespace gasm {

/// What a micro-batch adds to a step, on its device; nothing has been asked
/// back from there.
struct DeviceScores {
  at::Tensor loss;  ///< summed over the clips
  at::Tensor hits;  ///< of the best class
};

/// GradientSum on a GPU: the sum over all micro-batches of a step of gradients,
/// batch-norm statistics, loss and hits. A rank's micro-batches add up where
/// autograd puts them; during its last backward each bucket is exchanged in a
/// side stream as soon as it is full, and the computing stream waits for that
/// at finish_step(). The host waits for nothing but the first step's end.
///
/// Sums over ranks are those of a Collective: rounded otherwise for every
/// number of ranks. One in host memory is reached through page-locked memory,
/// for which the host waits. On CPUs it is the same without streams.
class DeviceGradientSum {
 public:
  /// `collective` is that of `world`, and works in `side`. Throws as
  /// GradientSum. Collective.
  DeviceGradientSum(Communicator const& world, Collective& collective,
                    SideStream side,
                    std::vector<ParameterInfo> const& parameters,
                    std::vector<BatchNorm*> norms,
                    GradientSumOptions const& options);
  ~DeviceGradientSum();
  DeviceGradientSum(DeviceGradientSum const&) = delete;
  DeviceGradientSum& operator=(DeviceGradientSum const&) = delete;

  /// As GradientSum's, of which this rank adds its even_leaf_range.
  void begin_step(std::int64_t num_micro, std::int64_t num_samples);
  /// Runs backward of loss * scale / num_samples. `scale`: f32 [] on the
  /// device.
  void add_micro_batch(DeviceScores const& scores,
                       MicroBatchCounts const& counts, at::Tensor const& scale);
  /// The same in two: what a graph may replay, which has no part on the host,
  /// and what the host counts. Only while needs_hooks() is false.
  void accumulate(DeviceScores const& scores, std::int64_t num_clips,
                  at::Tensor const& scale);
  void count_micro_batch(std::int64_t num_bad);
  /// Whether backward must tell what is ready: in the first step, and where
  /// there is somebody to exchange with.
  bool needs_hooks() const { return !is_ordered_ || world_.size() > 1; }
  void give_up_step();
  /// Collective; does not wait but in the first step, or for a collective in
  /// host memory.
  void finish_step();

  /// Of the global batch, times the loss scale. From the second step on with
  /// SumFor::owner: in owned() alone.
  std::vector<at::Tensor> const& gradients() const { return gradients_; }
  at::Tensor flat_gradient() const;
  at::Tensor counts() const;  ///< f32 [3]: loss, hits, bad clips, all summed
  at::Tensor mean_statistics() const;
  double num_samples() const { return num_samples_; }

  /// Equal parts of all buckets, by rank; all of them where all is summed for
  /// all. Final once is_ordered().
  std::vector<ValueRange> owned() const;
  bool is_shared_out() const { return whom_ == SumFor::owner; }
  bool is_ordered() const { return is_ordered_; }
  GradientLayout const& layout() const { return layout_; }
  /// What each rank owns of a vector like flat_gradient(), to all.
  /// Collective.
  void share(at::Tensor const& flat);
  /// The sum over the ranks of f32 numbers in place. Collective.
  void add_up(at::Tensor const& numbers);

 private:
  void use(GradientLayout layout, SumFor whom);
  void order_by_readiness();
  void on_ready(std::size_t parameter);
  void expect_all_gradients();
  /// Exchanges that are full, and come next on all ranks.
  void launch_full();
  void launch(std::size_t i);
  void exchange(std::size_t i);
  /// `operation` on `numbers`, which the collective may not be able to reach.
  template <class Operation>
  void in_reach(at::Tensor const& numbers, Operation operation);
  void name_missing();
  at::Tensor piece(at::Tensor const& flat, ValueRange range) const;

  Communicator const& world_;
  Collective& collective_;
  SideStream side_;
  GradientSumOptions options_;
  std::vector<std::string> names_;
  std::vector<char const*> kept_names_;  ///< for the watchdog's report
  std::vector<at::Tensor> parameters_;
  std::vector<BatchNorm*> norms_;
  std::int64_t num_statistics_ = 0;
  GradientLayout layout_;
  SumFor whom_ = SumFor::all;
  at::Tensor flat_;
  std::vector<at::Tensor> gradients_;
  ReadyOrder seen_;
  bool is_observing_ = false;
  bool is_ordered_ = false;
  bool has_named_ = false;
  std::vector<bool> is_ready_;            ///< in this backward, by parameter
  std::vector<std::int64_t> num_waited_;  ///< gradients, by bucket
  std::size_t num_launched_ = 0;
  std::int64_t num_left_ = 0;
  double num_samples_ = 1.0;
  std::optional<ReadyHooks> hooks_;  ///< last: they call this object
};

}  // namespace gasm
