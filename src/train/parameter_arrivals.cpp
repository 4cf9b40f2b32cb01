// SPDX-License-Identifier: Apache-2.0
#include "parameter_arrivals.hpp"

#include <utility>

namespace gasm {

ParameterArrivals::ParameterArrivals(
    std::vector<ParameterInfo> const& parameters,
    std::vector<std::size_t> bucket_of, WaitFor wait_for)
    : bucket_of_(std::move(bucket_of)), wait_for_(std::move(wait_for)) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    index_of_.emplace(parameters[i].parameter.unsafeGetTensorImpl(), i);
    in_no_block_.insert(i);
  }
}

void ParameterArrivals::begin_forward() {
  std::set<std::size_t> buckets;
  for (auto const i : in_no_block_) buckets.insert(bucket_of_[i]);
  for (auto const bucket : buckets) wait_for_(bucket);
}

void ParameterArrivals::before_block(torch::nn::Module const& block) {
  auto const [place, is_new] = buckets_of_.try_emplace(&block);
  if (is_new)
    for (auto const i : parameters_in(block)) {
      place->second.insert(bucket_of_[i]);
      in_no_block_.erase(i);
    }
  for (auto const bucket : place->second) wait_for_(bucket);
}

std::vector<std::size_t> ParameterArrivals::parameters_in(
    torch::nn::Module const& block) const {
  std::vector<std::size_t> found;
  for (auto const& parameter : block.parameters())
    if (auto const at = index_of_.find(parameter.unsafeGetTensorImpl());
        at != index_of_.end())
      found.push_back(at->second);
  return found;
}

}  // namespace gasm
