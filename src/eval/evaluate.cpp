// SPDX-License-Identifier: Apache-2.0
#include "gasm/eval/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "eval_details.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/data/step_plan.hpp"
#include "gasm/eval/forward_batch.hpp"

// B clips of a micro-batch, K classes.

namespace gasm {
namespace {

/// Counts and sums of one micro-batch, flat, so that they add up in a tree:
/// loss sum, bad clips, then clips, top-1 and top-5 hits of each class.
/// Whole numbers stay exact in a float up to 2^24 clips.
class Tally {
 public:
  explicit Tally(int num_classes)
      : num_classes_(num_classes),
        values_(2 + 3 * static_cast<std::size_t>(num_classes)) {}

  std::vector<float>& values() { return values_; }
  float& loss_sum() { return values_[0]; }
  float& num_bad() { return values_[1]; }
  float& at(int what, std::int64_t label) {
    return values_[2 + static_cast<std::size_t>(what * num_classes_) +
                   static_cast<std::size_t>(label)];
  }

 private:
  int num_classes_;
  std::vector<float> values_;
};

enum { clips = 0, hits1 = 1, hits5 = 2 };

void count_micro_batch(at::Tensor const& logits_BK, MicroBatch const& batch,
                       Tally& tally) {
  auto const loss_B =
      at::cross_entropy_loss(logits_BK, batch.labels, {}, at::Reduction::None);
  auto const num_top = std::min<std::int64_t>(5, logits_BK.size(1));
  auto const top = std::get<1>(logits_BK.topk(num_top, 1)).contiguous();
  auto const* loss = loss_B.const_data_ptr<float>();
  auto const* label = batch.labels.const_data_ptr<std::int64_t>();
  auto const* best = top.const_data_ptr<std::int64_t>();
  for (std::int64_t b = 0; b < batch.size(); ++b) {
    bool const is_bad =
        std::find(batch.bad_slots.begin(), batch.bad_slots.end(), b) !=
        batch.bad_slots.end();
    if (is_bad) {
      tally.num_bad() += 1;
      continue;
    }
    auto const* row = best + b * num_top;
    tally.loss_sum() += loss[b];
    tally.at(clips, label[b]) += 1;
    tally.at(hits1, label[b]) += row[0] == label[b] ? 1 : 0;
    tally.at(hits5, label[b]) +=
        std::find(row, row + num_top, label[b]) != row + num_top ? 1 : 0;
  }
}

EvalResult summarise(Tally& tally, int num_classes) {
  EvalResult result;
  result.num_bad = std::lround(tally.num_bad());
  std::int64_t num1 = 0;
  std::int64_t num5 = 0;
  double class_sum = 0;
  int num_present = 0;
  for (int k = 0; k < num_classes; ++k) {
    ClassResult row{std::lround(tally.at(clips, k)),
                    std::lround(tally.at(hits1, k)),
                    std::lround(tally.at(hits5, k))};
    result.num_clips += row.num_clips;
    num1 += row.num_top1;
    num5 += row.num_top5;
    if (row.num_clips > 0) {
      class_sum += static_cast<double>(row.num_top1) /
                   static_cast<double>(row.num_clips);
      ++num_present;
    }
    result.classes.push_back(row);
  }
  if (result.num_clips == 0) return result;
  auto const num = static_cast<double>(result.num_clips);
  result.loss = tally.loss_sum() / num;
  result.top1 = static_cast<double>(num1) / num;
  result.top5 = static_cast<double>(num5) / num;
  result.mean_class_top1 = class_sum / num_present;
  return result;
}

}  // namespace

Interval wilson_interval(double share, std::int64_t num) {
  if (num <= 0) return {};
  constexpr double z = 2.5758293035489004;  // 99 % of a normal distribution
  auto const n = static_cast<double>(num);
  double const scale = 1 / (1 + z * z / n);
  double const centre = scale * (share + z * z / (2 * n));
  double const half =
      scale * z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

at::Tensor average_views(at::Tensor const& logits, std::int64_t num_views,
                         ViewAverage average) {
  if (num_views == 1) return logits;
  auto const views =
      logits.unflatten(0, {logits.size(0) / num_views, num_views});
  if (average == ViewAverage::logits) return views.mean(1);
  // In logarithms: a class that every view rules out keeps a finite loss.
  return views.log_softmax(2).logsumexp(1) -
         std::log(static_cast<double>(num_views));
}

EvalResult evaluate(Communicator const& comm, Collective& collective,
                    Recogniser& model, BatchLoader const& loader,
                    std::int64_t num_clips, int num_classes,
                    EvalOptions const& options) {
  // One "step" that holds every clip; its micro-batches are the leaves.
  BatchPlan const plan({.num_samples = num_clips,
                        .global_batch = num_clips,
                        .micro_batch = options.micro_batch,
                        .seed = 0,
                        .order = SampleOrder::sequential});
  auto const num_leaves = plan.at(0).num_micro;
  auto const mine = rank_range(num_leaves, comm.rank(), comm.size());
  EvalDetails details(options, num_classes, num_leaves);
  Tally total(num_classes);
  TreeSum sum(num_leaves, total.values().size());
  sum.reset(mine.begin, mine.size());

  bool const was_training = model.is_training();
  model.train(false);
  bool const stopped = agree_call(comm, [&] {
    torch::NoGradGuard no_grad;
    std::int64_t num_done = 0;
    auto const batches = prefetch_batches(
        loader, plan, {0, 1}, comm.rank(), comm.size(),
        {.num_threads = options.num_threads, .depth = 2 * options.num_threads});
    while (auto batch = batches->next()) {
      if (options.should_stop && options.should_stop()) return true;
      Tally tally(num_classes);
      Trace trace;
      auto const here = moved_to(options.device, *batch);
      auto const logits =
          average_views(
              details.wants_features(batch->index)
                  ? forward_batch(model, here, options.precision, &trace)
                  : forward_views(model, here, options.precision),
              batch->num_views, options.average)
              .to(at::kCPU);
      count_micro_batch(logits, *batch, tally);
      details.add(*batch, logits, trace);
      sum.add_leaf(tally.values());
      if (options.on_progress) options.on_progress(++num_done, mine.size());
    }
    return false;
  });
  model.train(was_training);
  if (comm.all_reduce_max(std::int64_t{stopped}) > 0)
    return {.is_complete = false};
  collective.reduce(sum, total.values());
  auto result = summarise(total, num_classes);
  result.num_views = static_cast<int>(loader.num_views());
  // The same numbers on all ranks, and so the same error.
  if (auto const fine = loader.check_budget(result.num_bad); !fine)
    throw AgreedError(fine.error());
  details.collect(comm, result);
  return result;
}

std::string eval_json(EvalResult const& result,
                      std::vector<std::string> const& class_names) {
  nlohmann::ordered_json classes = nlohmann::ordered_json::object();
  // A model may have more classes than the data: those have no clips.
  auto const num_named = std::min(result.classes.size(), class_names.size());
  for (std::size_t k = 0; k < num_named; ++k) {
    auto const& row = result.classes[k];
    auto const num =
        static_cast<double>(std::max<std::int64_t>(1, row.num_clips));
    classes[class_names[k]] = {
        {"clips", row.num_clips},
        {"top1", static_cast<double>(row.num_top1) / num},
        {"top5", static_cast<double>(row.num_top5) / num}};
  }
  nlohmann::ordered_json const all = {
      {"num_clips", result.num_clips},
      {"num_bad", result.num_bad},
      {"num_views", result.num_views},
      {"loss", result.loss},
      {"top1", result.top1},
      {"top5", result.top5},
      {"mean_class_top1", result.mean_class_top1},
      {"classes", classes}};
  return all.dump(1) + "\n";
}

}  // namespace gasm
