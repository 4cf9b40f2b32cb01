// SPDX-License-Identifier: Apache-2.0
#include "parameter_histograms.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

namespace gasm {
namespace {

void count(HistogramCounts& counts, at::Tensor const& values) {
  auto const here = values.detach().to(at::kCPU, at::kFloat).contiguous();
  counts.add(
      {here.const_data_ptr<float>(), static_cast<std::size_t>(here.numel())});
}

HistogramCounts counts_of(at::Tensor const& values) {
  HistogramCounts counts;
  count(counts, values);
  return counts;
}

/// What this rank owns of gradient i.
HistogramCounts counts_of_owned(at::Tensor const& gradient, std::size_t i,
                                OwnedGradients const& part) {
  HistogramCounts counts;
  auto const begin = part.layout.offset_of[i];
  auto const end = begin + static_cast<std::size_t>(gradient.numel());
  for (auto const& range : part.owned) {
    auto const from = std::max(begin, range.begin);
    auto const to = std::min(end, range.begin + range.size);
    if (from < to)
      count(counts, gradient.reshape({-1}).narrow(
                        0, static_cast<std::int64_t>(from - begin),
                        static_cast<std::int64_t>(to - from)));
  }
  return counts;
}

/// Of the parts of all ranks. One sum and one maximum for all parameters.
void add_up(Communicator const& world, std::vector<HistogramCounts>& parts) {
  std::vector<double> sums;
  std::vector<double> extremes;
  for (auto& part : parts) {
    sums.insert(sums.end(), part.sums().begin(), part.sums().end());
    extremes.insert(extremes.end(), part.extremes().begin(),
                    part.extremes().end());
  }
  world.all_reduce_sum(std::span(sums));
  world.all_reduce_max(std::span(extremes));
  auto sum = sums.begin();
  auto extreme = extremes.begin();
  for (auto& part : parts) {
    for (auto& value : part.sums()) value = *sum++;
    for (auto& value : part.extremes()) value = *extreme++;
  }
}

}  // namespace

NamedHistograms parameter_histograms(
    Communicator const& world, std::vector<ParameterInfo> const& parameters,
    std::vector<at::Tensor> const& gradients,
    std::optional<OwnedGradients> const& owned, double scale) {
  std::vector<HistogramCounts> counts;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (owned)
      counts.push_back(counts_of_owned(gradients[i], i, *owned));
    else if (world.is_root())
      counts.push_back(counts_of(gradients[i]));
  }
  if (owned) add_up(world, counts);
  NamedHistograms found;
  if (!world.is_root()) return found;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    auto const& [name, parameter, decay, part] = parameters[i];
    found.emplace_back("parameters/" + name, counts_of(parameter).histogram());
    found.emplace_back("gradients/" + name, counts[i].histogram(scale));
  }
  return found;
}

}  // namespace gasm
