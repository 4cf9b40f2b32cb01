// SPDX-License-Identifier: Apache-2.0
#include "gradient_sum.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "clip_gradient.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/odd_ranks.hpp"
#include "gasm/comm/stage.hpp"

namespace gasm {
namespace {

// The last values of a leaf: loss, hits, bad clips.
constexpr std::size_t kNumCounts = 3;

std::span<float> last_counts(at::Tensor const& flat) {
  return std::span(flat.data_ptr<float>(),
                   static_cast<std::size_t>(flat.numel()))
      .last<kNumCounts>();
}

}  // namespace

void require_equal_parameters(Communicator const& world,
                              std::vector<ParameterInfo> const& parameters) {
  std::string text;
  for (auto const& info : parameters)
    text += fmt::format("{} {}\n", info.name, info.parameter.sizes().vec());
  auto const odd = find_odd_ranks(world, text);
  if (!odd) return;
  auto const [theirs, usual] = first_difference(odd->of_odd, odd->of_usual);
  throw AgreedError(
      error("the parameters that learn on {} of {} are not those of rank {}, "
            "or in another order ({} where rank {} has {}). Try the same "
            "program and configuration on all ranks",
            odd->who(), world.size(), odd->usual, theirs, odd->usual, usual));
}

GradientSum::GradientSum(Communicator const& world,
                         std::vector<ParameterInfo> const& parameters,
                         std::vector<BatchNorm*> norms,
                         GradientSumOptions const& options)
    : world_(world.duplicate()),
      options_(options),
      norms_(std::move(norms)),
      num_statistics_(num_statistics(norms_)),
      seen_(parameters.size()) {
  require_equal_parameters(world_, parameters);
  for (auto const& info : parameters) {
    names_.push_back(info.name);
    kept_names_.push_back(kept_text(info.name));
    parameters_.push_back(info.parameter);
  }
  use(lay_out_gradients(sizes(), {}, num_more(), options_.buckets),
      SumFor::all);
  hooks_.emplace(parameters_, [this](std::size_t i) { on_ready(i); });
}

GradientSum::~GradientSum() = default;

std::vector<std::size_t> GradientSum::sizes() const {
  std::vector<std::size_t> sizes;
  for (auto const& parameter : parameters_)
    sizes.push_back(static_cast<std::size_t>(parameter.numel()));
  return sizes;
}

std::size_t GradientSum::num_more() const {
  return static_cast<std::size_t>(num_statistics_) + kNumCounts;
}

void GradientSum::use(GradientLayout layout, SumFor whom) {
  arena_ = std::make_unique<GradientArena>(world_, std::move(layout), whom,
                                           options_.transit);
  blocks_by_parameter_ =
      torch::tensor(arena_->layout().blocks_by_parameter, at::kLong);
  gradients_.clear();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    parameters_[i].mutable_grad() = arena_->leaf_of(i, parameters_[i]);
    gradients_.push_back(arena_->total_of(i, parameters_[i]));
  }
}

void GradientSum::begin_step(std::int64_t num_micro, std::int64_t num_samples,
                             double loss_scale) {
  num_left_ = even_leaf_range(num_micro, world_.rank(), world_.size()).count;
  num_samples_ = static_cast<double>(num_samples);
  loss_scale_ = loss_scale;
  backward_end_s_ = monotonic_s();
  note_parameter(nullptr);
  arena_->begin_step(num_micro);
}

void GradientSum::add_micro_batch(at::Tensor const& loss_sum,
                                  MicroBatchCounts const& counts) {
  GASM_ASSERT(num_left_ > 0);
  expect_all_gradients();
  arena_->leaf().zero_();
  (loss_sum * (loss_scale_ / num_samples_)).backward();
  backward_end_s_ = monotonic_s();
  torch::NoGradGuard no_grad;
  if (num_statistics_ > 0)
    arena_->leaf()
        .narrow(0,
                static_cast<std::int64_t>(arena_->layout().num_gradient_values),
                num_statistics_)
        .copy_(batch_statistics(norms_))
        .mul_(static_cast<double>(counts.num_clips) / num_samples_);
  auto const last = last_counts(arena_->leaf());
  last[0] = loss_sum.item<float>();
  last[1] = static_cast<float>(counts.num_top1);
  last[2] = static_cast<float>(counts.num_bad);
  add_rest();
  --num_left_;
}

void GradientSum::expect_all_gradients() {
  auto const& layout = arena_->layout();
  is_observing_ = !is_ordered_ && seen_.seen().empty();
  is_ready_.assign(parameters_.size(), false);
  num_waited_.assign(layout.num_exchanges(), 0);
  for (auto const bucket : layout.bucket_of) ++num_waited_[bucket];
}

void GradientSum::on_ready(std::size_t parameter) {
  note_parameter(kept_names_[parameter]);
  if (is_observing_) seen_.note(parameter);
  if (!is_ordered_) return;
  auto const bucket = arena_->layout().bucket_of[parameter];
  note_bucket(static_cast<int>(bucket));
  bool const is_ordered = bucket < arena_->layout().num_ordered;
  if (is_ready_[parameter] && is_ordered)
    throw error(
        "the gradient of {} is complete twice in one backward (it was so once "
        "in the first step)",
        names_[parameter]);
  is_ready_[parameter] = true;
  bool const is_full = --num_waited_[bucket] == 0;
  if (num_left_ > 1) return;
  if (is_full && is_ordered) arena_->add(bucket);
  arena_->advance();
}

void GradientSum::add_rest() {
  auto const& layout = arena_->layout();
  bool const is_last = num_left_ == 1;
  for (std::size_t i = 0; i < layout.num_ordered; ++i) {
    if (is_last && num_waited_[i] == 0) continue;
    if (num_waited_[i] > 0) name_missing();
    arena_->add(i);
  }
  for (auto i = layout.num_ordered; i < layout.num_exchanges(); ++i)
    arena_->add(i);
}

void GradientSum::name_missing() {
  if (std::exchange(has_named_, true)) return;
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (!is_ready_[i]) missing.push_back(names_[i]);
  log_rank_warn("no gradient reached {} (counted as 0)",
                fmt::join(missing, ", "));
}

void GradientSum::give_up_step() {
  num_left_ = 0;
  arena_->give_up();
}

StepSums GradientSum::finish_step() {
  arena_->wait();
  if (!is_ordered_) order_by_readiness();
  if (loss_scale_ != 1.0) flat_gradient().mul_(1.0 / loss_scale_);
  auto const last = last_counts(arena_->total());
  return {.loss = last[0] / num_samples_,
          .top1 = last[1] / num_samples_,
          .num_bad = std::lround(last[2])};
}

void GradientSum::order_by_readiness() {
  auto const order = agree_ready_order(world_, seen_);
  if (!order) return;
  is_ordered_ = true;
  auto const old = std::move(arena_);
  use(lay_out_gradients(sizes(), order->once(), num_more(), options_.buckets),
      options_.whom);
  arena_->take_notes_of(*old);
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    gradients_[i].copy_(old->total_of(i, parameters_[i]));
  auto const rest = static_cast<std::int64_t>(num_more());
  auto const end_of = [&](at::Tensor const& flat) {
    return flat.narrow(0, flat.numel() - rest, rest);
  };
  end_of(arena_->total()).copy_(end_of(old->total()));
  for (auto const i : order->never())
    log_warn("no gradient reaches {}: it is not used, and does not learn",
             names_[i]);
}

at::Tensor GradientSum::flat_gradient() const {
  return arena_->total().narrow(
      0, 0, static_cast<std::int64_t>(arena_->layout().num_gradient_values));
}

double GradientSum::norm() const {
  auto const flat = flat_gradient();
  if (options_.whom == SumFor::all)
    return norm_of_blocks(block_norms(flat), blocks_by_parameter_);
  // A sum with zeros changes no bit.
  auto norms = at::zeros(flat.numel() / kOwnedBlock, at::kDouble);
  for (auto const& range : owned()) {
    auto const begin = static_cast<std::int64_t>(range.begin);
    auto const size = static_cast<std::int64_t>(range.size);
    norms.narrow(0, begin / kOwnedBlock, size / kOwnedBlock)
        .copy_(block_norms(flat.narrow(0, begin, size)));
  }
  world_.all_reduce_sum(std::span(norms.data_ptr<double>(),
                                  static_cast<std::size_t>(norms.numel())));
  return norm_of_blocks(norms, blocks_by_parameter_);
}

at::Tensor GradientSum::mean_statistics() const {
  return arena_->total().narrow(
      0, static_cast<std::int64_t>(arena_->layout().num_gradient_values),
      num_statistics_);
}

std::size_t GradientSum::exchange_bytes(std::size_t i) const {
  bool const is_short = world_.size() > 1 && i < layout().buckets.size() &&
                        options_.transit == TransitType::bf16;
  return layout().exchange(i).size *
         (is_short ? sizeof(std::uint16_t) : sizeof(float));
}

ExchangeCost GradientSum::cost() const {
  ExchangeCost cost;
  if (world_.size() == 1) return cost;
  auto times = arena_->times();
  std::ranges::sort(times, {}, &ExchangeTime::posted_s);
  double seen_until_s = 0.0;
  for (auto const& time : times) {
    double const begin_s = std::max(time.posted_s, seen_until_s);
    if (time.done_s <= begin_s) continue;
    cost.under_way_s += time.done_s - begin_s;
    cost.exposed_s +=
        std::max(0.0, time.done_s - std::max(begin_s, backward_end_s_));
    seen_until_s = time.done_s;
  }
  return cost;
}

}  // namespace gasm
