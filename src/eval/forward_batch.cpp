// SPDX-License-Identifier: Apache-2.0
#include "gasm/eval/forward_batch.hpp"

#include <cstdint>
#include <vector>

#include "gasm/data/micro_batch.hpp"
#include "gasm/models/autocast.hpp"
#include "gasm/models/recogniser.hpp"

namespace gasm {
namespace {

/// [B * V, ...] -> [B, ...] of one view.
at::Tensor view_of(at::Tensor const& data, std::int64_t num_views,
                   std::int64_t view) {
  if (!data.defined()) return data;
  return data.unflatten(0, {data.size(0) / num_views, num_views})
      .select(1, view)
      .contiguous();
}

at::Tensor in_fp32(at::Tensor const& features) {
  return features.defined() ? features.to(at::kFloat) : features;
}

at::Device device_of(MicroBatch const& batch) {
  if (batch.clips.defined()) return batch.clips.device();
  return (batch.semantic.defined() ? batch.semantic : batch.motion).device();
}

at::Tensor logits_of(Recogniser& model, MicroBatch const& batch, Trace* trace) {
  if (batch.clips.defined()) return model.forward(batch.clips, trace);
  return model.fuse({in_fp32(batch.semantic), in_fp32(batch.motion)}, trace);
}

}  // namespace

at::Tensor forward_batch(Recogniser& model, MicroBatch const& batch,
                         Precision precision, Trace* trace) {
  AutocastGuard const autocast(autocast_of(precision, device_of(batch).type()));
  return logits_of(model, batch, trace).to(at::kFloat);
}

at::Tensor forward_views(Recogniser& model, MicroBatch const& batch,
                         Precision precision) {
  if (batch.num_views == 1) return forward_batch(model, batch, precision);
  std::vector<at::Tensor> logits;
  for (std::int64_t v = 0; v < batch.num_views; ++v) {
    MicroBatch view;
    view.clips = view_of(batch.clips, batch.num_views, v);
    view.semantic = view_of(batch.semantic, batch.num_views, v);
    view.motion = view_of(batch.motion, batch.num_views, v);
    logits.push_back(forward_batch(model, view, precision));
  }
  return at::stack(logits, 1).flatten(0, 1);
}

}  // namespace gasm
