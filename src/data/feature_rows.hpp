// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "gasm/store/feature_info.hpp"
#include "gasm/store/record_file.hpp"

namespace gasm {

at::ScalarType tensor_type(FeatureType type);

/// [num_rows, S, L, D].
std::vector<std::int64_t> row_sizes(std::int64_t num_rows, FeatureShape shape);

/// Features of some records in tensors on the host (host_tensor), a record a
/// row. A stream that is not there has an undefined tensor.
class HostRows {
 public:
  HostRows(FeatureStoreContents const& contents, std::int64_t num_rows);

  /// Where the parts of a record go that shall be row `row`.
  RecordPlaces places(std::int64_t row) const;
  at::Tensor const& semantic() const { return semantic_; }
  at::Tensor const& motion() const { return motion_; }

 private:
  at::Tensor semantic_;
  at::Tensor motion_;
};

}  // namespace gasm
