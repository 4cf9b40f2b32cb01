// SPDX-License-Identifier: Apache-2.0
#include "optimizer.hpp"

#include <algorithm>

#include "adamw.hpp"
#include "gasm/base/error.hpp"
#include "sgd.hpp"

namespace gasm {

std::unique_ptr<Optimizer> make_optimizer(OptimConfig const& optim,
                                          std::vector<ParameterInfo> parameters,
                                          std::vector<double> const& scale_of) {
  if (optim.kind == OptimKind::sgd)
    return std::make_unique<Sgd>(optim, std::move(parameters), scale_of);
  return std::make_unique<AdamW>(optim, std::move(parameters), scale_of);
}

std::vector<OptimizerGroup> group_parameters(
    OptimConfig const& optim, std::vector<ParameterInfo> const& parameters,
    std::vector<double> const& scale_of) {
  std::vector<OptimizerGroup> groups;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    double const decay =
        parameters[i].decay == WeightDecay::on ? optim.weight_decay : 0.0;
    auto group = std::find_if(groups.begin(), groups.end(), [&](auto const& g) {
      return g.decay == decay && g.lr_scale == scale_of.at(i);
    });
    if (group == groups.end())
      group = groups.insert(group, OptimizerGroup{decay, scale_of.at(i), {}});
    group->members.push_back(i);
  }
  return groups;
}

void copy_optimizer_state(TensorFile const& file, std::string const& name,
                          at::Tensor const& target) {
  auto const found = file.tensors.find(name);
  if (found == file.tensors.end())
    throw error(
        "the optimiser state lacks {} (a checkpoint of another model). "
        "Try another run.name, or checkpoint.resume: never",
        name);
  if (found->second.sizes() != target.sizes())
    throw error(
        "the optimiser state {} has the shape {}, the model needs {} "
        "(a checkpoint of another model). Try another run.name",
        name, c10::str(found->second.sizes()), c10::str(target.sizes()));
  target.copy_(found->second);
}

}  // namespace gasm
