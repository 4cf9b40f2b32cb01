// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gasm/comm/communicator.hpp"
#include "gasm/models/batch_norm.hpp"
#include "gasm/models/model_summary.hpp"
#include "gradient_arena.hpp"
#include "ready_hooks.hpp"
#include "ready_order.hpp"

namespace gasm {

/// What a step knows once all ranks have added their micro-batches.
struct StepSums {
  double loss = 0.0;  ///< mean over the clips of the global batch
  double top1 = 0.0;
  std::int64_t num_bad = 0;  ///< clips that a substitute stood in for
};

/// What a micro-batch counts.
struct MicroBatchCounts {
  std::int64_t num_clips = 0;
  std::int64_t num_top1 = 0;  ///< hits
  std::int64_t num_bad = 0;
};

struct GradientSumOptions {
  BucketOptions buckets;
  /// owner: from the second step on, each rank has the gradients of owned()
  /// alone, and the norm of all.
  SumFor whom = SumFor::all;
  TransitType transit = TransitType::fp32;  ///< of gradients; counts are fp32
};

/// How the exchange of a step went on this rank.
struct ExchangeCost {
  double under_way_s = 0.0;  ///< at least one bucket was
  double exposed_s = 0.0;    ///< of that, after this rank's last backward

  /// The share of the time during which backward went on.
  double hidden() const {
    return under_way_s > 0 ? 1.0 - exposed_s / under_way_s : 0.0;
  }
};

/// Throws the same AgreedError on all ranks unless they learn the same
/// parameters: sums of others would be worthless, and look like numbers.
/// Collective.
void require_equal_parameters(Communicator const& world,
                              std::vector<ParameterInfo> const& parameters);

/// The sum over all micro-batches of a step, on any number of ranks, of
/// everything that a step needs: gradients, batch-norm statistics, loss and
/// hits. They are added along a fixed tree whose leaves are the micro-batches
/// (TreeSum), so that the sums are bitwise the same for every number of ranks.
///
/// Parameters' .grad are views of the micro-batch that is being added. During
/// the last backward of a step, each bucket (GradientLayout) is exchanged as
/// soon as its gradients are complete; the buckets follow the order in which
/// the first backward completed them, which the ranks agree on at the end of
/// the first step.
class GradientSum {
 public:
  /// Throws the same AgreedError on all ranks if a rank's parameters have
  /// other names, shapes or another order. Collective.
  GradientSum(Communicator const& world,
              std::vector<ParameterInfo> const& parameters,
              std::vector<BatchNorm*> norms, GradientSumOptions const& options);
  ~GradientSum();
  GradientSum(GradientSum const&) = delete;
  GradientSum& operator=(GradientSum const&) = delete;

  /// A step of `num_micro` micro-batches and `num_samples` clips begins; this
  /// rank adds its even_leaf_range of them. Their losses are multiplied by
  /// `loss_scale`, a power of two. Collective; does not wait.
  void begin_step(std::int64_t num_micro, std::int64_t num_samples,
                  double loss_scale);
  /// Forward and loss are done: runs backward and adds this micro-batch.
  /// `loss_sum`: summed over its clips.
  void add_micro_batch(at::Tensor const& loss_sum,
                       MicroBatchCounts const& counts);
  /// This rank will not add the rest: finish_step() must be called all the
  /// same, and gives numbers that mean nothing.
  void give_up_step();
  /// Ends the exchange, and takes the loss scale out of the gradients.
  /// Collective.
  StepSums finish_step();

  /// The mean gradient of the global batch, one tensor a parameter: views,
  /// until the next step.
  std::vector<at::Tensor> const& gradients() const { return gradients_; }
  /// All gradients as one vector, in an order of its own.
  at::Tensor flat_gradient() const;
  /// Its L2 norm: the same bits for every number of ranks. Collective.
  double norm() const;

  /// The gradients' places in vectors like flat_gradient(): those of the first
  /// step's end stay.
  GradientLayout const& layout() const { return arena_->layout(); }
  /// The parts of such a vector that this rank owns.
  std::vector<ValueRange> owned() const { return arena_->owned(); }
  /// What each rank owns of such a vector, to all, bucket by bucket: the last
  /// one first, as a forward pass needs parameters. Does not wait. Collective.
  void post_share(at::Tensor const& flat) { arena_->post_share(flat); }
  /// Until a bucket of it is there, or all of it. Collective as a whole: each
  /// rank waits for the buckets in an order of its own.
  void finish_share(std::size_t bucket) { arena_->finish_share(bucket); }
  void finish_share() { arena_->finish_share(); }
  /// The micro-batches' mean statistics, weighted by their clips.
  at::Tensor mean_statistics() const;

  /// GradientArena::first_not_finite(), of the last step.
  std::optional<std::int64_t> first_not_finite() const {
    return arena_->first_not_finite();
  }
  ExchangeCost cost() const;
  /// Of the last step, by bucket; the last one is the tail.
  std::vector<ExchangeTime> exchange_times() const { return arena_->times(); }
  /// Bytes of its values as they travel. `i`: as in exchange_times().
  std::size_t exchange_bytes(std::size_t i) const;

 private:
  std::vector<std::size_t> sizes() const;
  std::size_t num_more() const;
  void use(GradientLayout layout, SumFor whom);
  void order_by_readiness();
  void on_ready(std::size_t parameter);
  void expect_all_gradients();
  /// What backward left: buckets that are not full, and the tail.
  void add_rest();
  void name_missing();

  Communicator world_;
  GradientSumOptions options_;
  std::vector<std::string> names_;
  std::vector<char const*> kept_names_;  ///< for the watchdog's report
  std::vector<at::Tensor> parameters_;
  std::vector<BatchNorm*> norms_;
  std::int64_t num_statistics_ = 0;
  std::unique_ptr<GradientArena> arena_;
  std::vector<at::Tensor> gradients_;
  at::Tensor blocks_by_parameter_;
  ReadyOrder seen_;
  bool is_observing_ = false;             ///< this backward tells the order
  bool is_ordered_ = false;               ///< the ranks agree on the order
  bool has_named_ = false;                ///< parameters without a gradient
  std::vector<bool> is_ready_;            ///< in this backward, by parameter
  std::vector<std::int64_t> num_waited_;  ///< gradients, by bucket
  std::int64_t num_left_ = 0;  ///< micro-batches of this rank and step
  double backward_end_s_ = 0.0;
  double num_samples_ = 0;
  double loss_scale_ = 1.0;
  std::optional<ReadyHooks> hooks_;  ///< last: they call this object
};

}  // namespace gasm
