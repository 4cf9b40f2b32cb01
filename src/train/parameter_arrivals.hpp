// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "gasm/models/block_listener.hpp"
#include "gasm/models/model_summary.hpp"

namespace gasm {

/// Parameters arrive bucket by bucket while the forward pass goes on: each
/// block waits for the buckets of its own parameters. The first pass learns
/// which blocks there are, and waits for everything before it begins.
class ParameterArrivals : public BlockListener {
 public:
  /// Returns when the parameters of a bucket are there.
  using WaitFor = std::function<void(std::size_t bucket)>;

  /// `bucket_of`: by parameter.
  ParameterArrivals(std::vector<ParameterInfo> const& parameters,
                    std::vector<std::size_t> bucket_of, WaitFor wait_for);

  /// Waits for what no block announces.
  void begin_forward();
  void before_block(torch::nn::Module const& block) override;

 private:
  std::vector<std::size_t> parameters_in(torch::nn::Module const& block) const;

  std::map<at::TensorImpl const*, std::size_t> index_of_;
  std::vector<std::size_t> bucket_of_;
  WaitFor wait_for_;
  std::map<torch::nn::Module const*, std::set<std::size_t>> buckets_of_;
  std::set<std::size_t> in_no_block_;  ///< parameters
};

}  // namespace gasm
