// SPDX-License-Identifier: Apache-2.0
#include "shard_index.hpp"

#include <ATen/core/Tensor.h>

#include <nlohmann/json.hpp>
#include <set>

#include "gasm/base/file.hpp"
#include "pickle_value.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

struct Index {
  std::map<std::string, std::set<std::string>> shards;  ///< file -> tensors
  std::optional<std::uint64_t> num_bytes;
};

Index read_index(fs::path const& path) {
  auto const text = value_or_throw(read_text(path));
  try {
    auto const parsed = json::parse(text);
    Index index;
    for (auto const& [tensor, file] : parsed.at("weight_map").items())
      index.shards[file.get<std::string>()].insert(tensor);
    if (parsed.contains("metadata"))
      if (auto const size = parsed.at("metadata").find("total_size");
          size != parsed.at("metadata").end())
        index.num_bytes = size->get<std::uint64_t>();
    return index;
  } catch (json::exception const& failed) {
    throw error("{} is no sound index of shards ({})", path.string(),
                printable(failed.what()));
  }
}

}  // namespace

void check_shard_index(
    fs::path const& path,
    std::function<TensorFile(std::string const& name)> const& layout_of) {
  auto const index = read_index(path);
  std::uint64_t num_bytes = 0;
  for (auto const& [name, tensors] : index.shards) {
    if (name.find('/') != std::string::npos)
      throw error("{} names {}, which is no file of its folder", path.string(),
                  printable(name));
    auto const shard = layout_of(name);
    for (auto const& tensor : tensors)
      if (!shard.tensors.contains(tensor))
        throw error("{} says that {} is in {}, where it is not", path.string(),
                    printable(tensor), printable(name));
    for (auto const& [tensor, layout] : shard.tensors) {
      num_bytes += layout.nbytes();
      if (!tensors.contains(tensor))
        throw error("{} does not say that {} is in {}", path.string(),
                    printable(tensor), printable(name));
    }
  }
  if (index.num_bytes && *index.num_bytes != num_bytes)
    throw error("{} speaks of {} bytes of tensors, its shards have {}",
                path.string(), *index.num_bytes, num_bytes);
}

}  // namespace gasm
