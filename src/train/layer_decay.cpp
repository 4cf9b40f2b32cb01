// SPDX-License-Identifier: Apache-2.0
#include "layer_decay.hpp"

#include <algorithm>
#include <optional>
#include <regex>

namespace gasm {
namespace {

/// The I of a name with `layer.I.` or `blocks.I.` in it.
std::optional<int> block_of(std::string const& name) {
  static std::regex const pattern(R"((^|\.)(layer|blocks)\.(\d{1,6})\.)");
  std::smatch found;
  if (!std::regex_search(name, found, pattern)) return std::nullopt;
  return std::stoi(found[3]);
}

std::string model_of(std::string const& name) {
  return name.substr(0, name.find('.'));
}

/// Of the parameters of the same model.
std::optional<int> topmost_block(std::string const& model,
                                 std::vector<ParameterInfo> const& parameters) {
  std::optional<int> top;
  for (auto const& info : parameters) {
    if (model_of(info.name) != model) continue;
    if (auto const block = block_of(info.name))
      top = std::max(*block, top.value_or(0));
  }
  return top;
}

bool is_below_blocks(std::string const& name) {
  return name.find("embeddings.") != std::string::npos ||
         name.find("input_norm.") != std::string::npos;
}

}  // namespace

int num_layers_above(std::string const& name,
                     std::vector<ParameterInfo> const& parameters) {
  auto const block = block_of(name);
  if (!block && !is_below_blocks(name)) return 0;
  auto const top = topmost_block(model_of(name), parameters);
  if (!top) return 0;
  return *top - block.value_or(-1) + 1;
}

}  // namespace gasm
