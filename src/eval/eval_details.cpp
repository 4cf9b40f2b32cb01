// SPDX-License-Identifier: Apache-2.0
#include "eval_details.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

bool is_bad(MicroBatch const& batch, std::int64_t slot) {
  return std::ranges::count(batch.bad_slots, slot) > 0;
}

/// [B, D] of both streams, on the CPU.
at::Tensor pooled_of(Trace const& trace) {
  std::vector<at::Tensor> streams;
  for (auto const* name : {"semantic_pooled", "motion_pooled"})
    if (auto const found = trace.find(name); found != trace.end())
      streams.push_back(found->second.flatten(1).to(at::kCPU, at::kFloat));
  if (streams.empty())
    throw error("the model has no pooled features (its trace names none)");
  return at::cat(streams, 1).contiguous();
}

template <class T>
void append(std::string& bytes, T const* values, std::size_t num) {
  bytes.append(reinterpret_cast<char const*>(values), num * sizeof(T));
}

template <class T>
void take(std::string_view& bytes, T* values, std::size_t num) {
  std::memcpy(values, bytes.data(), num * sizeof(T));
  bytes.remove_prefix(num * sizeof(T));
}

/// Between ranks of one program: numbers as they lie in memory.
std::string packed(std::vector<PooledClip> const& clips) {
  std::string bytes;
  for (auto const& clip : clips) {
    std::array const head = {clip.sample, clip.label, clip.predicted,
                             std::ssize(clip.features)};
    append(bytes, head.data(), head.size());
    append(bytes, clip.features.data(), clip.features.size());
  }
  return bytes;
}

void unpack(std::string_view bytes, std::vector<PooledClip>& clips) {
  while (!bytes.empty()) {
    std::array<std::int64_t, 4> head{};
    take(bytes, head.data(), head.size());
    PooledClip clip{head[0], head[1], head[2], {}};
    clip.features.resize(static_cast<std::size_t>(head[3]));
    take(bytes, clip.features.data(), clip.features.size());
    clips.push_back(std::move(clip));
  }
}

}  // namespace

EvalDetails::EvalDetails(EvalOptions const& options, int num_classes,
                         std::int64_t num_leaves)
    : num_classes_(num_classes), num_pooled_(options.num_pooled) {
  if (num_pooled_ > 0) {
    num_wanted_ = std::min(num_leaves, (num_pooled_ + options.micro_batch - 1) /
                                           options.micro_batch);
    stride_ = num_leaves / num_wanted_;
  }
  if (options.wants_confusion)
    confusion_.resize(static_cast<std::size_t>(num_classes_ * num_classes_));
}

bool EvalDetails::wants_features(std::int64_t index) const {
  return index % stride_ == 0 && index / stride_ < num_wanted_;
}

void EvalDetails::add(MicroBatch const& batch, at::Tensor const& logits,
                      Trace const& trace) {
  auto const best = logits.argmax(1).contiguous();
  auto const* label = batch.labels.const_data_ptr<std::int64_t>();
  auto const* predicted = best.const_data_ptr<std::int64_t>();
  for (std::int64_t b = 0; b < batch.size() && !confusion_.empty(); ++b)
    if (!is_bad(batch, b))
      ++confusion_[static_cast<std::size_t>(label[b] * num_classes_ +
                                            predicted[b])];
  if (wants_features(batch.index)) add_features(batch, best, trace);
}

void EvalDetails::add_features(MicroBatch const& batch, at::Tensor const& best,
                               Trace const& trace) {
  auto const pooled = pooled_of(trace);
  auto const size = static_cast<std::size_t>(pooled.size(1));
  for (std::int64_t b = 0; b < batch.size(); ++b) {
    if (is_bad(batch, b)) continue;
    auto const* row = pooled.const_data_ptr<float>() + b * pooled.size(1);
    pooled_.push_back({batch.samples[static_cast<std::size_t>(b)],
                       batch.labels[b].item<std::int64_t>(),
                       best[b].item<std::int64_t>(),
                       std::vector<float>(row, row + size)});
  }
}

void EvalDetails::collect(Communicator const& comm, EvalResult& result) {
  if (!confusion_.empty()) {
    comm.all_reduce_sum(std::span(confusion_));
    result.confusion = std::move(confusion_);
  }
  if (num_pooled_ == 0) return;
  for (auto const& bytes : comm.gather_strings(packed(pooled_)))
    unpack(bytes, result.pooled);
  std::ranges::sort(result.pooled, {}, &PooledClip::sample);
  if (std::ssize(result.pooled) > num_pooled_)
    result.pooled.resize(static_cast<std::size_t>(num_pooled_));
}

}  // namespace gasm
