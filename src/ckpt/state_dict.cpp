// SPDX-License-Identifier: Apache-2.0
#include "state_dict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

constexpr std::array<std::string_view, 7> kWrappers = {
    "model_state",      "model",   "state_dict", "module",
    "model_state_dict", "teacher", "student"};

constexpr int max_depth = 64;
constexpr int max_wrappers = 8;
/// Of names and metadata, which shared values could multiply.
constexpr std::uint64_t max_text_bytes = std::uint64_t{1} << 26;

bool is_utf8(std::string const& text) {
  try {
    (void)nlohmann::json(text).dump();
    return true;
  } catch (nlohmann::json::exception const&) {
    return false;
  }
}

/// Scalars as text; none for all else.
std::optional<std::string> text_of(PickleValue const& value) {
  switch (value.kind) {
    case PickleKind::boolean:
      return value.number != 0 ? "true" : "false";
    case PickleKind::integer:
      return fmt::format("{}", value.number);
    case PickleKind::real:
      return fmt::format("{}", value.real);
    case PickleKind::text:
      if (is_utf8(value.text)) return value.text;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

/// What a key adds to a path: texts and integers only.
std::optional<std::string> name_of_key(PickleValue const& key) {
  if (key.is(PickleKind::integer) || key.is(PickleKind::text))
    return text_of(key);
  return std::nullopt;
}

/// As Python's dict: of equal keys the last counts.
PickleValue const* find_item(PickleValue const& dict, std::string_view name) {
  for (auto i = dict.items.size(); i >= 2; i -= 2) {
    auto const& key = *dict.items[i - 2];
    if (key.is(PickleKind::text) && key.text == name) return dict.items[i - 1];
  }
  return nullptr;
}

bool has_tensor(PickleValue const& dict) {
  for (std::size_t i = 1; i < dict.items.size(); i += 2)
    if (dict.items[i]->is(PickleKind::tensor)) return true;
  return false;
}

class Finder {
 public:
  StateDict find(PickleValue const& root) {
    if (root.is(PickleKind::tensor))
      throw error(
          "it is one tensor without a name. Try torch.save({{\"name\": "
          "tensor}}, NEW)");
    auto const* level = &root;
    std::string way;
    for (int depth = 0; level->is(PickleKind::dict); ++depth) {
      add_metadata(*level, way);
      std::set<PickleValue const*> seen;
      auto const wrapper = find_wrapper(*level, seen, depth);
      if (wrapper.empty()) break;
      way += way.empty() ? "" : ".";
      way += wrapper;
      level = find_item(*level, wrapper);
    }
    if (level->is(PickleKind::object)) add_metadata(*level, way);
    if (!way.empty()) found_.metadata["unwrapped"] = way;
    descend(*level, "", 0);
    return std::move(found_);
  }

 private:
  /// The key whose value is, or wraps, a dict of tensors; empty if none. Dicts
  /// in `seen` lead to none, or are on the way already.
  static std::string_view find_wrapper(PickleValue const& level,
                                       std::set<PickleValue const*>& seen,
                                       int depth) {
    if (depth == max_wrappers || !seen.insert(&level).second) return {};
    for (auto const name : kWrappers) {
      auto const* const item = find_item(level, name);
      if (item == nullptr || !item->is(PickleKind::dict)) continue;
      if (has_tensor(*item) || !find_wrapper(*item, seen, depth + 1).empty())
        return name;
    }
    return {};
  }

  void count_text(std::size_t num_bytes) {
    num_text_bytes_ += num_bytes;
    if (num_text_bytes_ > max_text_bytes)
      throw error("its names have more than {} bytes", max_text_bytes);
  }

  void add_metadata(PickleValue const& level, std::string const& way) {
    for (std::size_t i = 0; i + 1 < level.items.size(); i += 2) {
      auto const key = name_of_key(*level.items[i]);
      auto text = text_of(*level.items[i + 1]);
      if (!key || !text) continue;
      auto name = "pickle." + (way.empty() ? *key : way + "." + *key);
      count_text(name.size() + text->size());
      found_.metadata[std::move(name)] = std::move(*text);
    }
  }

  void descend(PickleValue const& value, std::string const& path, int depth) {
    constexpr std::uint64_t max_visited = 4'000'000;
    if (depth > max_depth)
      throw error("it is nested more than {} deep", max_depth);
    if (++num_visited_ > max_visited)
      throw error("it has more than {} values", max_visited);
    if (value.is(PickleKind::tensor)) return add_tensor(value, path);
    if (value.has_names()) return descend_names(value, path, depth);
    if (!value.is(PickleKind::list) && !value.is(PickleKind::tuple)) return;
    for (std::size_t i = 0; i < value.items.size(); ++i)
      descend(*value.items[i], join(path, fmt::format("{}", i)), depth + 1);
  }

  void descend_names(PickleValue const& value, std::string const& path,
                     int depth) {
    for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
      auto const& item = *value.items[i + 1];
      auto const key = name_of_key(*value.items[i]);
      if (!key && item.is(PickleKind::tensor))
        throw error("a tensor stands under {}, which is no name",
                    name_of(value.items[i]->kind));
      if (key) descend(item, join(path, *key), depth + 1);
    }
  }

  std::string join(std::string const& path, std::string const& name) {
    auto joined = path.empty() ? name : path + "." + name;
    count_text(joined.size());
    return joined;
  }

  void add_tensor(PickleValue const& tensor, std::string const& path) {
    if (!found_.tensors.emplace(path, &tensor).second)
      throw error("two tensors are called {}", printable(path));
  }

  StateDict found_;
  std::uint64_t num_visited_ = 0;
  std::uint64_t num_text_bytes_ = 0;
};

}  // namespace

StateDict find_state_dict(PickleValue const& root) {
  return Finder().find(root);
}

}  // namespace gasm
