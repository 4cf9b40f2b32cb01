// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/named_tensors.hpp"

#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <string_view>

#include "gasm/base/error.hpp"
#include "gasm/base/nearest.hpp"

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

void check_fits(std::string const& name, at::Tensor const& wanted,
                at::Tensor const& given, std::string const& source) {
  if (wanted.sizes() != given.sizes())
    throw error("{}: {} has shape {}, but the model needs {}", source, name,
                shape_text(given), shape_text(wanted));
  bool const converts = wanted.is_floating_point()
                            ? given.is_floating_point()
                            : at::isIntegralType(given.scalar_type(), false);
  if (!converts)
    throw error("{}: {} holds {}, but the model needs {}", source, name,
                c10::toString(given.scalar_type()),
                c10::toString(wanted.scalar_type()));
}

void check_no_extra(NamedTensors const& state, TensorMap const& tensors,
                    std::string const& source) {
  std::vector<std::string> wanted;
  for (auto const& [name, tensor] : state) wanted.push_back(name);
  std::map<std::string, int> known;
  for (auto const& name : wanted) known[name] = 1;
  for (auto const& [name, tensor] : tensors)
    if (!known.count(name))
      throw error("{}: the model has no tensor {} (shape {} in the file){}",
                  source, name, shape_text(tensor),
                  nearest_hint(name, wanted, "in the model"));
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
  for (auto const& [name, wanted] : state) {
    auto const given = tensors.find(name);
    if (given == tensors.end())
      throw error("{}: no tensor {} (the model needs it, shape {}){}", source,
                  name, shape_text(wanted),
                  nearest_hint(name, names_of(tensors), "in the file"));
    check_fits(name, wanted, given->second, source);
  }
  check_no_extra(state, tensors, source);
  at::NoGradGuard const no_grad;
  std::vector<std::string> converted;
  for (auto& [name, wanted] : state) {
    at::Tensor const& given = tensors.at(name);
    if (given.scalar_type() != wanted.scalar_type()) converted.push_back(name);
    wanted.copy_(given);
  }
  return converted;
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
