// SPDX-License-Identifier: Apache-2.0
#include "checkpoint_shards.hpp"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gasm/base/file.hpp"
#include "gasm/base/hash.hpp"
#include "listed_file.hpp"
#include "shard_name.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;
using Files = std::map<std::string, CheckpointFile>;

std::uint64_t count_bytes(std::map<std::string, at::Tensor> const& tensors) {
  std::uint64_t sum = 0;
  for (auto const& [name, tensor] : tensors) sum += tensor.nbytes();
  return sum;
}

std::size_t count_shards(TensorShare const& share, ShardWriter const& writer) {
  auto const num_ranks = static_cast<std::size_t>(writer.num_ranks);
  if (share.is_divided) return num_ranks;
  auto const& tensors = share.common.tensors;
  auto const most = std::max<std::size_t>(
      1, std::min<std::size_t>(num_ranks, tensors.size()));
  if (writer.min_bytes == 0) return most;
  return std::clamp<std::size_t>(count_bytes(tensors) / writer.min_bytes, 1,
                                 most);
}

std::string index_text(std::string const& set, TensorShare const& share,
                       std::vector<std::vector<std::string>> const& shards) {
  json map = json::object();
  for (std::size_t i = 0; i < shards.size(); ++i)
    for (auto const& name : shards[i])
      map[name] = shard_name(set, i, shards.size());
  json const index = {
      {"metadata", {{"total_size", count_bytes(share.common.tensors)}}},
      {"weight_map", map}};
  return index.dump(1) + "\n";
}

/// Of a set that ranks hold parts of: this rank's, and root's also the rest.
TensorFile own_file(TensorShare const& share, ShardWriter const& writer) {
  TensorFile file;
  if (writer.rank == 0) file.tensors = share.common.tensors;
  file.tensors.insert(share.own.begin(), share.own.end());
  file.metadata = share.common.metadata;
  file.metadata["slices"] = slices_to_text(share.slices);
  return file;
}

}  // namespace

std::vector<std::vector<std::string>> divide_tensors(
    std::map<std::string, at::Tensor> const& tensors, std::size_t num_shards) {
  std::vector<std::pair<std::uint64_t, std::string>> items;
  for (auto const& [name, tensor] : tensors)
    items.emplace_back(tensor.nbytes(), name);
  std::stable_sort(
      items.begin(), items.end(),
      [](auto const& a, auto const& b) { return a.first > b.first; });
  std::vector<std::vector<std::string>> shards(num_shards);
  std::vector<std::uint64_t> num_bytes(num_shards, 0);
  for (auto const& [size, name] : items) {
    auto const least = std::min_element(num_bytes.begin(), num_bytes.end()) -
                       num_bytes.begin();
    shards[static_cast<std::size_t>(least)].push_back(name);
    num_bytes[static_cast<std::size_t>(least)] += size;
  }
  return shards;
}

ShardPlan plan_shards(std::map<std::string, TensorShare> const& sets,
                      ShardWriter const& writer) {
  auto const num_ranks = static_cast<std::size_t>(writer.num_ranks);
  auto const rank = static_cast<std::size_t>(writer.rank);
  ShardPlan plan;
  std::size_t ordinal = 0;  // small sets go to several ranks
  for (auto const& [set, share] : sets) {
    auto const num_shards = count_shards(share, writer);
    if (share.is_divided) {
      plan.files.push_back(
          {shard_name(set, rank, num_shards), set, own_file(share, writer)});
      continue;
    }
    auto const shards = divide_tensors(share.common.tensors, num_shards);
    for (std::size_t i = 0; i < num_shards; ++i) {
      if ((i + ordinal) % num_ranks != rank) continue;
      TensorFile file{.tensors = {}, .metadata = share.common.metadata};
      for (auto const& name : shards[i])
        file.tensors.emplace(name, share.common.tensors.at(name));
      plan.files.push_back({shard_name(set, i, num_shards), set, file});
    }
    if (num_shards > 1 && rank == 0)
      plan.indices[set + ".safetensors.index.json"] =
          index_text(set, share, shards);
    ++ordinal;
  }
  return plan;
}

Result<Files> write_planned(fs::path const& folder, ShardPlan const& plan) {
  try {
    Files files;
    value_or_throw(make_folder(folder));
    for (auto const& [name, set, contents] : plan.files) {
      auto const hash =
          value_or_throw(write_safetensors(folder / name, contents));
      std::error_code none;
      files[name] = {.set = set,
                     .num_bytes = fs::file_size(folder / name, none),
                     .xxh64 = to_hex(hash)};
    }
    for (auto const& [name, text] : plan.indices) {
      value_or_throw(publish_file(folder / name, text));
      files[name] = {
          .set = "", .num_bytes = text.size(), .xxh64 = to_hex(xxh64(text))};
    }
    value_or_throw(sync_folder(folder));
    return files;
  } catch (Error const& failed) {
    return tl::unexpected(failed);
  }
}

Result<Files> write_shards(fs::path const& folder,
                           std::map<std::string, TensorShare> const& sets,
                           ShardWriter const& writer) {
  return write_planned(folder, plan_shards(sets, writer));
}

std::map<std::string, TensorFile> read_shards(
    fs::path const& folder, CheckpointManifest const& manifest) {
  std::map<std::string, TensorAssembly> parts;
  for (auto const& [name, file] : manifest.files) {
    auto const path = folder / name;
    if (file.set.empty())
      value_or_throw(check_listed_file(path, file));
    else
      parts[file.set].add(value_or_throw(read_listed_file(path, file)),
                          path.string());
  }
  std::map<std::string, TensorFile> whole;
  for (auto& [set, assembly] : parts)
    whole.emplace(set, assembly.finish((folder / set).string()));
  return whole;
}

std::string files_to_text(Files const& files) {
  json text = json::object();
  for (auto const& [name, file] : files)
    text[name] = {file.set, file.num_bytes, file.xxh64};
  return text.dump();
}

Files files_from_text(std::string const& text) {
  Files files;
  auto const parsed = json::parse(text);
  for (auto const& [name, file] : parsed.items())
    files[name] = {.set = file.at(0).get<std::string>(),
                   .num_bytes = file.at(1).get<std::uint64_t>(),
                   .xxh64 = file.at(2).get<std::string>()};
  return files;
}

}  // namespace gasm
