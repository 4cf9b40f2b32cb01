// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/freezing.hpp"

#include <fmt/ranges.h>
#include <fnmatch.h>

#include <set>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

bool matches(std::string const& pattern, std::string const& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0 ||
         fnmatch((pattern + ".*").c_str(), name.c_str(), 0) == 0;
}

/// What a pattern may say, down to the blocks: embeddings, layer.0, norm.
std::set<std::string> parts_below(torch::nn::Module const& module) {
  std::set<std::string> parts;
  for (auto const& child : module.named_children()) {
    bool const is_list = child.value()->as<torch::nn::ModuleList>() != nullptr;
    if (!is_list) {
      parts.insert(child.key());
      continue;
    }
    for (auto const& block : child.value()->named_children())
      parts.insert(child.key() + "." + block.key());
  }
  return parts;
}

std::string what_there_is(torch::nn::Module const& module,
                          PartNames const& parts) {
  auto known = parts_below(module);
  for (auto const& [name, path] : parts) known.insert(name);
  return fmt::format("{}", fmt::join(known, ", "));
}

}  // namespace

void freeze(torch::nn::Module& module) {
  for (at::Tensor& parameter : module.parameters())
    parameter.set_requires_grad(false);
}

PartNames const& i3d_part_names() {
  static PartNames const names = {{"stem", "blocks.0"},
                                  {"res2", "blocks.1"},
                                  {"res3", "blocks.3"},
                                  {"res4", "blocks.4"},
                                  {"res5", "blocks.5"}};
  return names;
}

void freeze_all_but(torch::nn::Module& module,
                    std::vector<std::string> const& patterns,
                    PartNames const& parts, std::string const& key) {
  auto const parameters = module.named_parameters();
  freeze(module);
  for (auto const& pattern : patterns) {
    auto const part = parts.find(pattern);
    auto const& wanted = part == parts.end() ? pattern : part->second;
    std::int64_t num_found = 0;
    for (auto const& item : parameters) {
      if (!matches(wanted, item.key())) continue;
      item.value().requires_grad_(true);
      ++num_found;
    }
    if (num_found == 0)
      throw usage_error("{} has \"{}\", which no parameter is named by. Try {}",
                        key, pattern, what_there_is(module, parts));
  }
}

}  // namespace gasm
