// SPDX-License-Identifier: Apache-2.0
#include "device_gradient_sum.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "gasm/base/error.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/stage.hpp"

namespace gasm {
namespace {

// The last values: loss, hits, bad clips.
constexpr std::int64_t kNumCounts = 3;

at::Tensor view_of(at::Tensor const& flat, std::size_t offset,
                   at::Tensor const& like) {
  return flat.narrow(0, static_cast<std::int64_t>(offset), like.numel())
      .view(like.sizes());
}

Values values_in(at::Tensor const& numbers) {
  return {
      numbers.data_ptr(), static_cast<std::size_t>(numbers.numel()),
      numbers.scalar_type() == at::kBFloat16 ? DataType::bf16 : DataType::fp32,
      numbers.is_cuda() ? Memory::cuda : Memory::host};
}

std::vector<std::size_t> sizes_of(std::vector<at::Tensor> const& parameters) {
  std::vector<std::size_t> sizes;
  for (auto const& parameter : parameters)
    sizes.push_back(static_cast<std::size_t>(parameter.numel()));
  return sizes;
}

}  // namespace

DeviceGradientSum::DeviceGradientSum(
    Communicator const& world, Collective& collective, SideStream side,
    std::vector<ParameterInfo> const& parameters, std::vector<BatchNorm*> norms,
    GradientSumOptions const& options)
    : world_(world),
      collective_(collective),
      side_(side),
      options_(options),
      norms_(std::move(norms)),
      num_statistics_(num_statistics(norms_)),
      seen_(parameters.size()) {
  require_equal_parameters(world_, parameters);
  options_.buckets.num_shares = static_cast<std::size_t>(world.size());
  for (auto const& info : parameters) {
    names_.push_back(info.name);
    kept_names_.push_back(kept_text(info.name));
    parameters_.push_back(info.parameter);
  }
  auto const num_more = static_cast<std::size_t>(num_statistics_ + kNumCounts);
  use(lay_out_gradients(sizes_of(parameters_), {}, num_more, options_.buckets),
      SumFor::all);
  hooks_.emplace(parameters_, [this](std::size_t i) { on_ready(i); });
}

DeviceGradientSum::~DeviceGradientSum() = default;

void DeviceGradientSum::use(GradientLayout layout, SumFor whom) {
  layout_ = std::move(layout);
  whom_ = whom;
  flat_ =
      at::zeros(static_cast<std::int64_t>(layout_.num_values),
                at::TensorOptions().dtype(at::kFloat).device(side_.device()));
  gradients_.clear();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    gradients_.push_back(view_of(flat_, layout_.offset_of[i], parameters_[i]));
    parameters_[i].mutable_grad() = gradients_.back();
  }
}

at::Tensor DeviceGradientSum::piece(at::Tensor const& flat,
                                    ValueRange range) const {
  return flat.narrow(0, static_cast<std::int64_t>(range.begin),
                     static_cast<std::int64_t>(range.size));
}

void DeviceGradientSum::begin_step(std::int64_t num_micro,
                                   std::int64_t num_samples) {
  num_left_ = even_leaf_range(num_micro, world_.rank(), world_.size()).count;
  num_samples_ = static_cast<double>(num_samples);
  num_launched_ = 0;
  note_parameter(nullptr);
  num_waited_.assign(layout_.num_exchanges(), 1);  // nothing is full
  flat_.zero_();
}

void DeviceGradientSum::add_micro_batch(DeviceScores const& scores,
                                        MicroBatchCounts const& counts,
                                        at::Tensor const& scale) {
  GASM_ASSERT(num_left_ > 0);
  expect_all_gradients();
  accumulate(scores, counts.num_clips, scale);
  for (std::size_t i = 0; i < layout_.num_ordered; ++i)
    if (num_waited_[i] > 0) name_missing();
  is_ready_.clear();
  count_micro_batch(counts.num_bad);
}

void DeviceGradientSum::accumulate(DeviceScores const& scores,
                                   std::int64_t num_clips,
                                   at::Tensor const& scale) {
  {
    OneThreadBackward const here;
    (scores.loss * (scale / num_samples_)).backward();
  }
  torch::NoGradGuard const no_grad;
  if (num_statistics_ > 0)
    mean_statistics().add_(batch_statistics(norms_),
                           static_cast<double>(num_clips) / num_samples_);
  counts().narrow(0, 0, 1).add_(scores.loss.detach());
  counts().narrow(0, 1, 1).add_(scores.hits);
}

void DeviceGradientSum::count_micro_batch(std::int64_t num_bad) {
  if (num_bad > 0) counts().narrow(0, 2, 1).add_(num_bad);
  --num_left_;
}

void DeviceGradientSum::expect_all_gradients() {
  is_observing_ = !is_ordered_ && seen_.seen().empty();
  is_ready_.assign(parameters_.size(), false);
  num_waited_.assign(layout_.num_exchanges(), 0);
  for (auto const bucket : layout_.bucket_of) ++num_waited_[bucket];
}

void DeviceGradientSum::on_ready(std::size_t parameter) {
  note_parameter(kept_names_[parameter]);
  if (is_observing_) seen_.note(parameter);
  if (!is_ordered_ || is_ready_.empty()) return;
  auto const bucket = layout_.bucket_of[parameter];
  bool const is_ordered = bucket < layout_.num_ordered;
  if (is_ready_[parameter] && is_ordered)
    throw error(
        "the gradient of {} is complete twice in one backward (it was so once "
        "in the first step)",
        names_[parameter]);
  is_ready_[parameter] = true;
  --num_waited_[bucket];
  if (num_left_ == 1) launch_full();
}

// One after the other: ranks must call the same in the same order.
void DeviceGradientSum::launch_full() {
  while (num_launched_ < layout_.num_ordered && num_waited_[num_launched_] == 0)
    launch(num_launched_++);
}

void DeviceGradientSum::name_missing() {
  if (std::exchange(has_named_, true)) return;
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (!is_ready_[i]) missing.push_back(names_[i]);
  log_rank_warn("no gradient reached {} (counted as 0)",
                fmt::join(missing, ", "));
}

void DeviceGradientSum::give_up_step() { num_left_ = 0; }

void DeviceGradientSum::finish_step() {
  while (num_launched_ < layout_.num_exchanges()) launch(num_launched_++);
  side_.hold_compute();
  if (!is_ordered_) order_by_readiness();
}

void DeviceGradientSum::launch(std::size_t i) {
  if (world_.size() == 1) return;
  side_.follow_compute();
  note_bucket(i < layout_.buckets.size() ? static_cast<int>(i) : -1);
  side_.run([&] { exchange(i); });
  note_bucket(-1);
}

void DeviceGradientSum::exchange(std::size_t i) {
  torch::NoGradGuard const no_grad;
  auto const sums = piece(flat_, layout_.exchange(i));
  bool const is_tail = i == layout_.buckets.size();
  bool const is_shared = !is_tail && whom_ == SumFor::owner;
  bool const is_narrow = !is_tail && options_.transit == TransitType::bf16;
  auto const travels = is_narrow ? sums.to(at::kBFloat16) : sums;
  in_reach(travels, [&](Values values) {
    if (is_shared)
      collective_.reduce_scatter(values);
    else
      collective_.all_reduce(values);
  });
  if (is_narrow) sums.copy_(travels);
}

template <class Operation>
void DeviceGradientSum::in_reach(at::Tensor const& numbers,
                                 Operation operation) {
  bool const is_there =
      numbers.is_cuda() == (collective_.memory() == Memory::cuda);
  if (is_there) return operation(values_in(numbers));
  auto const staged = at::empty(
      numbers.sizes(), numbers.options().device(at::kCPU).pinned_memory(true));
  staged.copy_(numbers);
  operation(values_in(staged));
  numbers.copy_(staged, /*non_blocking=*/true);
}

void DeviceGradientSum::order_by_readiness() {
  auto const order = agree_ready_order(world_, seen_);
  if (!order) return;
  is_ordered_ = true;
  auto const old = flat_;
  auto const old_gradients = gradients_;
  auto const num_more = static_cast<std::size_t>(num_statistics_ + kNumCounts);
  use(lay_out_gradients(sizes_of(parameters_), order->once(), num_more,
                        options_.buckets),
      options_.whom);
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    gradients_[i].copy_(old_gradients[i]);
  auto const rest = static_cast<std::int64_t>(num_more);
  flat_.narrow(0, flat_.numel() - rest, rest)
      .copy_(old.narrow(0, old.numel() - rest, rest));
  for (auto const i : order->never())
    log_warn("no gradient reaches {}: it is not used, and does not learn",
             names_[i]);
}

at::Tensor DeviceGradientSum::flat_gradient() const {
  return piece(flat_, {0, layout_.num_gradient_values});
}

at::Tensor DeviceGradientSum::counts() const {
  return flat_.narrow(0, flat_.numel() - kNumCounts, kNumCounts);
}

at::Tensor DeviceGradientSum::mean_statistics() const {
  return flat_.narrow(0, static_cast<std::int64_t>(layout_.num_gradient_values),
                      num_statistics_);
}

std::vector<ValueRange> DeviceGradientSum::owned() const {
  if (!is_shared_out()) return layout_.buckets;
  std::vector<ValueRange> owned;
  for (auto const& bucket : layout_.buckets) {
    auto const size = bucket.size / static_cast<std::size_t>(world_.size());
    owned.push_back(
        {bucket.begin + size * static_cast<std::size_t>(world_.rank()), size});
  }
  return owned;
}

void DeviceGradientSum::share(at::Tensor const& flat) {
  if (world_.size() == 1 || !is_shared_out()) return;
  side_.follow_compute();
  side_.run([&] {
    for (auto const& bucket : layout_.buckets)
      in_reach(piece(flat, bucket),
               [&](Values values) { collective_.all_gather(values); });
  });
  side_.hold_compute();
}

void DeviceGradientSum::add_up(at::Tensor const& numbers) {
  if (world_.size() == 1) return;
  side_.follow_compute();
  side_.run([&] {
    in_reach(numbers, [&](Values values) { collective_.all_reduce(values); });
  });
  side_.hold_compute();
}

}  // namespace gasm
