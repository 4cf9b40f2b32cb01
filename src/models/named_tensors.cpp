// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/named_tensors.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "gasm/base/error.hpp"
#include "gasm/base/nearest.hpp"
#include "gasm/models/load_report.hpp"

namespace gasm {
namespace {

void append_state(torch::nn::Module const& module, std::string const& prefix,
                  NamedTensors& state) {
  for (auto const& item : module.named_parameters(/*recurse=*/false))
    state.emplace_back(prefix + item.key(), item.value());
  for (auto const& item : module.named_buffers(/*recurse=*/false))
    if (item.key().front() != '~')  // register_constant
      state.emplace_back(prefix + item.key(), item.value());
  for (auto const& child : module.named_children())
    append_state(*child.value(), prefix + child.key() + ".", state);
}

/// " The nearest name there is X." or nothing.
std::string nearest_hint(std::string const& name,
                         std::vector<std::string> const& candidates,
                         char const* where) {
  std::string const hit = nearest(name, candidates);
  return hit.empty() ? ""
                     : fmt::format(". The nearest name {} is {}", where, hit);
}

std::vector<std::string> names_of(TensorMap const& tensors) {
  std::vector<std::string> names;
  for (auto const& [name, tensor] : tensors) names.push_back(name);
  return names;
}

/// What differs first, in the order of the module, then of the file.
std::string first_difference(NamedTensors const& state,
                             TensorMap const& tensors) {
  std::vector<std::string> wanted_names;
  for (auto const& [name, wanted] : state) {
    wanted_names.push_back(name);
    auto const found = tensors.find(name);
    if (found == tensors.end())
      return fmt::format("no tensor {} (the model needs it, shape {}){}", name,
                         shape_text(wanted),
                         nearest_hint(name, names_of(tensors), "in the file"));
    at::Tensor const& given = found->second;
    if (wanted.sizes() != given.sizes())
      return fmt::format("{} has shape {}, but the model needs {}", name,
                         shape_text(given), shape_text(wanted));
    if (!is_convertible(wanted, given))
      return fmt::format("{} holds {}, but the model needs {}", name,
                         c10::toString(given.scalar_type()),
                         c10::toString(wanted.scalar_type()));
  }
  for (auto const& [name, tensor] : tensors)
    if (std::ranges::count(wanted_names, name) == 0)
      return fmt::format("the model has no tensor {} (shape {} in the file){}",
                         name, shape_text(tensor),
                         nearest_hint(name, wanted_names, "in the model"));
  return "";
}

/// The I of "blocks.I.rest", or -1.
int block_index(std::string_view name) {
  constexpr std::string_view kStart = "blocks.";
  int index = -1;
  if (name.starts_with(kStart)) {
    name.remove_prefix(kStart.size());
    std::from_chars(name.data(), name.data() + name.size(), index);
  }
  return index;
}

}  // namespace

std::string shape_text(at::Tensor const& tensor) {
  return fmt::format("[{}]", fmt::join(tensor.sizes().vec(), ", "));
}

NamedTensors named_tensors(torch::nn::Module const& module) {
  NamedTensors state;
  append_state(module, "", state);
  return state;
}

std::vector<std::string> load_named_tensors(torch::nn::Module& module,
                                            TensorMap const& tensors,
                                            std::string const& source) {
  NamedTensors state = named_tensors(module);
  LoadReport const report = compare_tensors(module, tensors);
  if (!report.is_complete()) {
    bool const is_one = report.missing.size() + report.unexpected.size() +
                            report.misshapen.size() ==
                        1;
    throw error("{}: {}{}", source, first_difference(state, tensors),
                is_one ? "" : ". In all, " + report_text(report));
  }
  at::NoGradGuard const no_grad;
  for (auto& [name, wanted] : state) wanted.copy_(tensors.at(name));
  return report.converted;
}

TensorMap up_to_stage(TensorMap const& tensors, std::size_t num_stages) {
  // Block of the stem, the stages, and the head.
  constexpr std::array<int, 5> kLastBlock = {0, 1, 3, 4, 5};
  int const last = kLastBlock.at(num_stages);
  TensorMap kept;
  for (auto const& [name, tensor] : tensors) {
    if (int const block = block_index(name); block > last && block <= 6)
      continue;
    kept.emplace(name, tensor);
  }
  return kept;
}

}  // namespace gasm
