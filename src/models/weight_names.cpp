// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/weight_names.hpp"

#include <fmt/ranges.h>

#include <cmath>
#include <optional>

#include "gasm/base/error.hpp"
#include "weight_tables.hpp"

namespace gasm {
namespace {

bool is_digit(char c) { return '0' <= c && c <= '9'; }

/// What the wildcards of a pattern met.
struct Match {
  std::string number;
  std::string rest;
};

std::optional<Match> match(std::string_view pattern, std::string_view name) {
  Match found;
  while (!pattern.empty()) {
    if (pattern == "@") {
      if (name.empty()) return std::nullopt;
      found.rest = name;
      return found;
    }
    if (name.empty()) return std::nullopt;
    if (pattern.front() == '#') {
      if (!is_digit(name.front())) return std::nullopt;
      while (!name.empty() && is_digit(name.front())) {
        found.number += name.front();
        name.remove_prefix(1);
      }
    } else if (pattern.front() == name.front()) {
      name.remove_prefix(1);
    } else {
      return std::nullopt;
    }
    pattern.remove_prefix(1);
  }
  if (!name.empty()) return std::nullopt;
  return found;
}

std::string filled(std::string_view to, Match const& found) {
  std::string name;
  for (char const c : to) {
    if (c == '#')
      name += found.number;
    else if (c == '@')
      name += found.rest;
    else
      name += c;
  }
  return name;
}

std::string without_prefixes(std::string name, WeightNaming const& naming) {
  for (bool found = true; found;) {
    found = false;
    for (auto const prefix : naming.prefixes)
      if (name.starts_with(prefix)) {
        name.erase(0, prefix.size());
        found = true;
      }
  }
  return name;
}

bool is_of(WeightNaming const& naming, TensorMap const& tensors) {
  for (auto const& [name, tensor] : tensors)
    if (match(naming.signature, without_prefixes(name, naming))) return true;
  return false;
}

WeightNaming const& naming_of(std::span<WeightNaming const> namings,
                              std::string const& kind, TensorMap const& tensors,
                              std::string const& source) {
  std::vector<std::string_view> known;
  for (auto const& naming : namings) {
    if (is_of(naming, tensors)) return naming;
    known.push_back(naming.name);
  }
  throw error(
      "{} holds no weights of {} in a known naming (known: {}; it begins with "
      "{}). Try gasm weights inspect",
      source, kind, fmt::join(known, ", "),
      tensors.empty() ? "nothing" : tensors.begin()->first);
}

/// Cuts along the rows into as many matrices as `all` has letters, and keeps
/// "layer.0.attention.{}_proj.weight" for each of `letters`.
void split_rows(at::Tensor const& tensor, std::string const& name,
                std::string_view all, std::string_view letters,
                std::string const& source, TensorMap& into) {
  auto const num = static_cast<std::int64_t>(all.size());
  if (tensor.dim() < 1 || tensor.size(0) % num != 0)
    throw error("{}: {} has shape {}, but must be {} matrices in one", source,
                name, shape_text(tensor), num == 2 ? "two" : "three");
  auto const parts = tensor.chunk(num, 0);
  auto const at = name.find("{}");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (letters.find(all[i]) == std::string_view::npos) continue;
    auto const part = name.substr(0, at) + all[i] + name.substr(at + 2);
    into.emplace(part, parts[i].contiguous());
  }
}

void apply(NameRule const& rule, Match const& found, at::Tensor const& tensor,
           std::string const& name, std::string const& source,
           BackboneWeights& weights) {
  auto const to = filled(rule.to, found);
  switch (rule.change) {
    case NameChange::rename:
      weights.tensors.emplace(to, tensor);
      break;
    case NameChange::check_nan:
      if (tensor.is_floating_point() && tensor.isnan().any().item<bool>())
        throw error(
            "{}: {} holds NaN (its writer never filled it in). Try to save "
            "the weights again after loading published ones",
            source, name);
      weights.left_out.push_back(name);
      break;
    case NameChange::drop:
      weights.left_out.push_back(name);
      break;
    case NameChange::qkv:
      split_rows(tensor, to, "qkv", "qkv", source, weights.tensors);
      break;
    case NameChange::qv:
      split_rows(tensor, to, "qkv", "qv", source, weights.tensors);
      break;
    case NameChange::kv:
      split_rows(tensor, to, "kv", "kv", source, weights.tensors);
      break;
    case NameChange::as_table:
      if (tensor.dim() < 1 || tensor.size(-1) == 0)
        throw error("{}: {} is empty", source, name);
      weights.tensors.emplace(to, tensor.reshape({1, -1, tensor.size(-1)}));
      break;
  }
}

/// Zeros beside each q and v matrix that has none.
void fill_biases(TensorMap& tensors) {
  TensorMap zeros;
  for (auto const& [name, tensor] : tensors)
    for (auto const* const end : {".q_proj.weight", ".v_proj.weight"})
      if (name.ends_with(end) && tensor.dim() == 2)
        zeros.emplace(name.substr(0, name.size() - 6) + "bias",
                      at::zeros({tensor.size(0)}, tensor.options()));
  tensors.merge(zeros);
}

WeightOrigin origin_of(std::map<std::string, std::string> const& metadata,
                       WeightNaming const& naming) {
  auto const kept = metadata.find(kOriginKey);
  if (kept == metadata.end()) return naming.origin;
  for (auto const& choice : choices(WeightOrigin{}))
    if (choice.word == kept->second) return choice.value;
  return naming.origin;
}

TensorMap only_backbone(BackboneKind kind, TensorMap const& tensors) {
  bool const is_semantic = kind == BackboneKind::dinov3 ||
                           kind == BackboneKind::dinov2 ||
                           kind == BackboneKind::clip;
  std::string_view const prefix =
      is_semantic ? "semantic_backbone." : "motion_backbone.";
  TensorMap found;
  for (auto const& [name, tensor] : tensors)
    if (name.starts_with(prefix))
      found.emplace(name.substr(prefix.size()), tensor);
  return found;
}

std::int64_t whole_root(std::int64_t n) {
  auto const root = static_cast<std::int64_t>(
      std::llround(std::sqrt(static_cast<double>(n))));
  return root * root == n ? root : 0;
}

std::array<std::int64_t, 2> stored_grid(
    at::Tensor const& table, std::array<std::int64_t, 2> const& wanted,
    std::string const& source) {
  auto const num = table.dim() == 3 ? table.size(1) - 1 : 0;
  if (num == wanted[0] * wanted[1]) return wanted;
  if (auto const side = whole_root(num); side > 0) return {side, side};
  throw error(
      "{}: learned positions of shape {} fit no square grid, nor the {} x {} "
      "patches of the resolution",
      source, shape_text(table), wanted[0], wanted[1]);
}

BackboneWeights apply_naming(WeightNaming const& naming,
                             TensorMap const& tensors,
                             std::string const& source) {
  BackboneWeights weights;
  weights.origin = naming.origin;
  weights.naming = naming.name;
  for (auto const& [name, tensor] : tensors) {
    auto const plain = without_prefixes(name, naming);
    std::optional<Match> found;
    for (auto const& rule : naming.rules) {
      found = match(rule.from, plain);
      if (!found) continue;
      apply(rule, *found, tensor, name, source, weights);
      break;
    }
    if (!found) weights.tensors.emplace(plain, tensor);
  }
  if (naming.has_implied_biases) fill_biases(weights.tensors);
  return weights;
}

}  // namespace

BackboneWeights rename_weights(
    BackboneKind kind, TensorMap const& all, std::string const& source,
    std::map<std::string, std::string> const& metadata) {
  auto const own = only_backbone(kind, all);
  auto const& tensors = own.empty() ? all : own;
  auto const& naming =
      naming_of(namings_of(kind), to_word(kind), tensors, source);
  auto weights = apply_naming(naming, tensors, source);
  weights.origin = origin_of(metadata, naming);
  return weights;
}

BackboneWeights rename_cast_weights(TensorMap const& tensors,
                                    std::string const& source) {
  return apply_naming(naming_of(cast_namings(), "cast", tensors, source),
                      tensors, source);
}

VitOptions options_for(BackboneConfig const& config,
                       BackboneWeights const& weights,
                       std::string const& source) {
  auto options = vit_options(config);
  options.rules = position_rules(weights.origin, options.registers,
                                 config.rope_periods, config.position_resize);
  auto const table = weights.tensors.find("embeddings.position_embeddings");
  if (table != weights.tensors.end())
    options.learned_grid =
        stored_grid(table->second, options.learned_grid, source);
  // Fine-tuned files have a norm after pooling instead.
  if (config.kind == BackboneKind::videomae &&
      !weights.tensors.contains("norm.weight"))
    options.final_norm = VitFinalNorm::none;
  return options;
}

}  // namespace gasm
