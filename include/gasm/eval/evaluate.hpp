// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gasm/comm/collective.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/config/eval_config.hpp"
#include "gasm/config/train_config.hpp"
#include "gasm/data/batch_loader.hpp"
#include "gasm/models/recogniser.hpp"

namespace gasm {

/// Hits of one class.
struct ClassResult {
  std::int64_t num_clips = 0;
  std::int64_t num_top1 = 0;
  std::int64_t num_top5 = 0;
};

/// A clip as the model's head sees it.
struct PooledClip {
  std::int64_t sample = 0;
  std::int64_t label = 0;
  std::int64_t predicted = 0;
  std::vector<float> features;  ///< of the semantic stream, then the motion's
};

/// Metrics over a whole store: each clip counts exactly once, at any number of
/// ranks. Fractions are of 1.
struct EvalResult {
  bool is_complete = true;  ///< false: should_stop ended it, nothing counts
  std::int64_t num_clips = 0;
  std::int64_t num_bad = 0;  ///< clips that could not be decoded: not counted
  int num_views = 1;         ///< that each clip was seen through
  double loss = 0.0;         ///< mean cross-entropy without smoothing
  double top1 = 0.0;
  double top5 = 0.0;             ///< of min(5, K) classes
  double mean_class_top1 = 0.0;  ///< over classes that have clips
  std::vector<ClassResult> classes = {};
  /// Clips by class and by class with the highest score, [K, K]; where asked.
  std::vector<std::int64_t> confusion = {};
  std::vector<PooledClip> pooled = {};  ///< by sample, on root; where asked
};

struct Interval {
  double low = 0.0;
  double high = 1.0;
};

/// Wilson's interval (Wilson, JASA 22, 1927) for a share seen in `num`
/// independent trials: 99 % of such intervals hold the true share.
Interval wilson_interval(double share, std::int64_t num);

struct EvalOptions {
  int micro_batch = 16;  ///< samples, each with all of its views
  int num_threads = 1;
  Precision precision = Precision::fp32;
  at::Device device = at::kCPU;                ///< the model's
  ViewAverage average = ViewAverage::softmax;  ///< over the loader's views
  bool wants_confusion = false;
  /// So many clips, from all over the store, in EvalResult::pooled: of a model
  /// that traces what it pools (trace.hpp), and where clips have one view.
  std::int64_t num_pooled = 0;
  /// Told after each of this rank's micro-batches.
  std::function<void(std::int64_t done, std::int64_t total)> on_progress = {};
  /// Asked before each of them; true on any rank ends the evaluation on all.
  std::function<bool()> should_stop = {};
};

/// The scores of each sample from those of its views: [B * V, K], views of a
/// sample together, to [B, K] whose softmax is the mean of the views' softmax,
/// or that of the mean logits. One view: as they are.
at::Tensor average_views(at::Tensor const& logits, std::int64_t num_views,
                         ViewAverage average);

/// Runs `model` in evaluation mode over the samples of `loader`, which are
/// spread over the ranks. Sums are added in a fixed tree, so the result does
/// not depend on the number of ranks. Leaves the model's mode as it was. A
/// failure on one rank, or more bad clips on all ranks together than the
/// loader's max_bad_fraction allows, is the same AgreedError on all.
/// `collective` is that of `comm`. Collective.
EvalResult evaluate(Communicator const& comm, Collective& collective,
                    Recogniser& model, BatchLoader const& loader,
                    std::int64_t num_clips, int num_classes,
                    EvalOptions const& options);

/// The result as JSON: totals, and per class name -> {clips, top1, top5}.
std::string eval_json(EvalResult const& result,
                      std::vector<std::string> const& class_names);

}  // namespace gasm
