// SPDX-License-Identifier: Apache-2.0
#include "gradient_arena.hpp"

#include <cmath>
#include <utility>

namespace gasm {
namespace {

at::Tensor view_of(at::Tensor const& flat, std::size_t offset,
                   at::Tensor const& like) {
  return flat.narrow(0, static_cast<std::int64_t>(offset), like.numel())
      .view(like.sizes());
}

}  // namespace

GradientArena::GradientArena(Communicator const& comm, GradientLayout layout,
                             SumFor whom, TransitType transit)
    : comm_(&comm),
      layout_(std::move(layout)),
      whom_(whom),
      leaf_(at::zeros(static_cast<std::int64_t>(layout_.num_values))),
      total_(at::zeros(static_cast<std::int64_t>(layout_.num_values))) {
  for (std::size_t i = 0; i < layout_.num_exchanges(); ++i) {
    sums_.emplace_back(1, layout_.exchange(i).size);
    bool const is_tail = i == layout_.buckets.size();
    exchanges_.emplace_back(
        comm, static_cast<int>(i), is_tail ? TransitType::fp32 : transit,
        is_tail ? ExchangeName{"exchange of counts"}
                : ExchangeName{"exchange of gradients", static_cast<int>(i)});
  }
  for (std::size_t i = 0; i < layout_.buckets.size(); ++i)
    shares_.emplace_back(
        comm, static_cast<int>(layout_.num_exchanges() + i), TransitType::fp32,
        ExchangeName{"share of parameters", static_cast<int>(i)});
}

at::Tensor GradientArena::leaf_of(std::size_t i, at::Tensor const& like) const {
  return view_of(leaf_, layout_.offset_of[i], like);
}

at::Tensor GradientArena::total_of(std::size_t i,
                                   at::Tensor const& like) const {
  return view_of(total_, layout_.offset_of[i], like);
}

std::span<float> GradientArena::piece(at::Tensor const& flat,
                                      std::size_t i) const {
  auto const range = layout_.exchange(i);
  return {flat.data_ptr<float>() + range.begin, range.size};
}

void GradientArena::begin_step(std::int64_t num_leaves) {
  auto const mine = even_leaf_range(num_leaves, comm_->rank(), comm_->size());
  additions_.clear();
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    sums_[i].reset(num_leaves, mine);
    if (sums_[i].is_complete()) post(i);
  }
}

void GradientArena::add(std::size_t i) {
  note(i);
  auto const values = piece(leaf_, i);
  if (sums_[i].num_missing() > 1) {
    sums_[i].add_leaf(values);
    return;
  }
  // Nothing is written to the leaf after the last of them.
  sums_[i].lend_leaf(values);
  post(i);
}

// Now, because the exchange adds other ranks' values to them.
void GradientArena::note(std::size_t i) {
  auto const& sum = sums_[i];
  auto const range = layout_.exchange(i);
  additions_.push_back(
      {sum.range().first + sum.range().count - sum.num_missing(),
       leaf_
           .narrow(0, static_cast<std::int64_t>(range.begin),
                   static_cast<std::int64_t>(range.size))
           .sum()});
}

std::optional<std::int64_t> GradientArena::first_not_finite() const {
  std::optional<std::int64_t> first;
  for (auto const& addition : additions_)
    if ((!first || addition.micro_batch < *first) &&
        !std::isfinite(addition.sum.item<float>()))
      first = addition.micro_batch;
  return first;
}

void GradientArena::post(std::size_t i) {
  bool const is_tail = i == layout_.buckets.size();
  exchanges_[i].post(sums_[i], piece(total_, i), is_tail ? SumFor::all : whom_);
}

void GradientArena::advance() {
  for (auto& exchange : exchanges_) exchange.advance();
}

void GradientArena::give_up() {
  for (std::size_t i = 0; i < sums_.size(); ++i)
    while (!sums_[i].is_complete()) add(i);
}

void GradientArena::wait() { wait_for(exchanges_); }

std::vector<ValueRange> GradientArena::owned() const {
  std::vector<ValueRange> owned;
  for (auto const& bucket : layout_.buckets) {
    auto const mine = owned_values(bucket.size, comm_->rank(), comm_->size());
    if (mine.size > 0) owned.push_back({bucket.begin + mine.begin, mine.size});
  }
  return owned;
}

void GradientArena::post_share(at::Tensor const& flat) {
  for (auto i = shares_.size(); i-- > 0;) shares_[i].post_share(piece(flat, i));
}

void GradientArena::finish_share(std::size_t bucket) {
  wait_for(shares_, bucket);
}

void GradientArena::finish_share() { wait_for(shares_); }

std::vector<ExchangeTime> GradientArena::times() const {
  std::vector<ExchangeTime> times;
  for (auto const& exchange : exchanges_) times.push_back(exchange.time());
  return times;
}

}  // namespace gasm
