// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>
#include <utility>

#include "gasm/models/timesformer.hpp"

namespace gasm {
namespace {

constexpr char kTimes[] = "embeddings.time_embeddings";

/// `name` with `part` replaced, or nothing if it is not there.
std::string renamed(std::string name, std::string_view part,
                    std::string_view other) {
  auto const at = name.find(part);
  return at == std::string::npos ? "" : name.replace(at, part.size(), other);
}

}  // namespace

bool is_image_transformer(TensorMap const& tensors) {
  if (tensors.contains(kTimes)) return false;
  for (auto const& [name, tensor] : tensors)
    if (name.find(".temporal_") != std::string::npos) return false;
  return true;
}

TensorMap add_time(TensorMap tensors, TimesformerOptions const& options) {
  TensorMap added;
  for (auto const& [name, tensor] : tensors) {
    for (auto const& [space, time] :
         {std::pair{".attention.", ".temporal_attention."},
          std::pair{".layernorm_before.", ".temporal_layernorm."}}) {
      auto const copy = renamed(name, space, time);
      if (!copy.empty()) added.emplace(copy, tensor);
    }
  }
  std::int64_t const d = options.width;
  for (std::int64_t i = 0; i < options.depth; ++i) {
    auto const dense =
        "encoder.layer." + std::to_string(i) + ".temporal_dense.";
    added.emplace(dense + "weight", at::zeros({d, d}));
    added.emplace(dense + "bias", at::zeros({d}));
  }
  added.emplace(kTimes, at::zeros({1, options.num_frames, d}));
  tensors.merge(added);
  return tensors;
}

}  // namespace gasm
