// SPDX-License-Identifier: Apache-2.0
#include "feature_rows.hpp"

#include <optional>

#include "gasm/data/batch_loader.hpp"

namespace gasm {
namespace {

at::Tensor make_tensor(std::int64_t num_rows,
                       std::optional<FeatureStream> const& stream,
                       FeatureType type) {
  if (!stream) return {};
  return host_tensor(row_sizes(num_rows, stream->shape), tensor_type(type));
}

}  // namespace

at::ScalarType tensor_type(FeatureType type) {
  return type == FeatureType::fp16 ? at::kHalf : at::kFloat;
}

std::vector<std::int64_t> row_sizes(std::int64_t num_rows, FeatureShape shape) {
  return {num_rows, shape.num_steps, shape.num_tokens, shape.num_channels};
}

HostRows::HostRows(FeatureStoreContents const& contents, std::int64_t num_rows)
    : semantic_(make_tensor(num_rows, contents.semantic, contents.type)),
      motion_(make_tensor(num_rows, contents.motion, contents.type)) {}

RecordPlaces HostRows::places(std::int64_t row) const {
  RecordPlaces places;
  std::size_t part = 0;
  for (auto const& tensor : {semantic_, motion_}) {
    if (!tensor.defined()) continue;
    auto const size =
        static_cast<std::size_t>(tensor.stride(0)) * tensor.element_size();
    auto* const start = static_cast<std::byte*>(tensor.data_ptr());
    places[part++] = {start + static_cast<std::size_t>(row) * size, size};
  }
  return places;
}

}  // namespace gasm
