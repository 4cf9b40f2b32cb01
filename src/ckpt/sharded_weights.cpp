// SPDX-License-Identifier: Apache-2.0
#include "sharded_weights.hpp"

#include <ATen/core/Tensor.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "gasm/base/placed_reader.hpp"
#include "pickle_value.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

constexpr std::uint64_t max_index_bytes = 100'000'000;

/// The names of tensors by the file that holds them.
using Shards = std::map<std::string, std::set<std::string>>;

Error bad_index(fs::path const& path, std::string const& why) {
  return error(
      "{} is no sound index of shards ({}). Try to fetch it again with its "
      "shards",
      path.string(), why);
}

json parse_index(fs::path const& path) {
  auto const file = value_or_throw(PlacedReader::open(path));
  if (file.size_bytes() > max_index_bytes)
    throw bad_index(path, fmt::format("{} bytes", file.size_bytes()));
  std::string text(file.size_bytes(), '\0');
  value_or_throw(file.read(0, std::as_writable_bytes(std::span(text))));
  try {
    return json::parse(text);
  } catch (json::exception const& failed) {
    throw bad_index(path, printable(failed.what()));
  }
}

bool is_beside(std::string const& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

Shards find_shards(json const& index, fs::path const& path) {
  auto const map = index.find("weight_map");
  if (map == index.end() || !map->is_object())
    throw bad_index(path, "it has no weight_map");
  Shards shards;
  for (auto const& [tensor, file] : map->items()) {
    if (!file.is_string())
      throw bad_index(path, printable(tensor) + " is in no file");
    auto const name = file.get<std::string>();
    if (!is_beside(name))
      throw bad_index(path, "it names " + printable(name) +
                                ", which is no file of its folder");
    shards[name].insert(tensor);
  }
  return shards;
}

/// Numbers and texts of "metadata".
std::map<std::string, std::string> index_metadata(json const& index) {
  std::map<std::string, std::string> metadata;
  auto const found = index.find("metadata");
  if (found == index.end() || !found->is_object()) return metadata;
  for (auto const& [key, value] : found->items()) {
    if (value.is_string()) metadata[key] = value.get<std::string>();
    if (value.is_number()) metadata[key] = value.dump();
  }
  return metadata;
}

void add_shard(TensorFile& all, TensorFile shard, fs::path const& path,
               std::set<std::string> const& names) {
  for (auto const& name : names)
    if (!shard.tensors.contains(name))
      throw error(
          "{} has no tensor {}, which the index says is there. Try to fetch "
          "index and shards again",
          path.string(), printable(name));
  for (auto& [name, tensor] : shard.tensors) {
    if (!names.contains(name))
      throw error(
          "{} has a tensor {}, which the index does not say is there. Try to "
          "fetch index and shards again",
          path.string(), printable(name));
    all.tensors.emplace(name, std::move(tensor));
  }
  all.metadata.merge(shard.metadata);
}

}  // namespace

TensorFile read_sharded_weights(
    fs::path const& path,
    std::function<TensorFile(fs::path const&)> const& read_shard) {
  auto const index = parse_index(path);
  if (!index.is_object()) throw bad_index(path, "it is no JSON object");
  auto const shards = find_shards(index, path);
  std::error_code none;
  for (auto const& [name, tensors] : shards)
    if (!fs::exists(path.parent_path() / name, none))
      throw error("{} is missing, a shard of {}. Try to fetch it, too",
                  (path.parent_path() / printable(name)).string(),
                  path.string());
  TensorFile all;
  all.metadata = index_metadata(index);
  for (auto const& [name, tensors] : shards) {
    auto const shard = path.parent_path() / name;
    add_shard(all, read_shard(shard), shard, tensors);
  }
  return all;
}

}  // namespace gasm
