// SPDX-License-Identifier: Apache-2.0
#include "shard_name.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

/// N of "SET-0000I-of-000NN.safetensors"; 1 for other names.
std::size_t shards_in_all(std::string const& name) {
  constexpr std::string_view of = "-of-";
  auto const at = name.rfind(of);
  if (at == std::string::npos) return 1;
  std::size_t num = 0;
  for (auto i = at + of.size();
       i < name.size() && name[i] >= '0' && name[i] <= '9' && num <= 99'999;
       ++i)
    num = 10 * num + static_cast<std::size_t>(name[i] - '0');
  return std::max<std::size_t>(num, 1);
}

}  // namespace

std::string shard_name(std::string const& set, std::size_t shard,
                       std::size_t num_shards) {
  if (num_shards == 1) return set + ".safetensors";
  return fmt::format("{}-{:05}-of-{:05}.safetensors", set, shard + 1,
                     num_shards);
}

void check_shard_names(std::string const& set,
                       std::vector<std::string> const& files,
                       std::filesystem::path const& folder) {
  std::size_t const num = shards_in_all(files.front());
  for (std::size_t i = 0; i < num; ++i) {
    auto const name = shard_name(set, i, num);
    if (std::find(files.begin(), files.end(), name) == files.end())
      throw error("{} is not named by the manifest (one of {} shards)",
                  (folder / name).string(), num);
  }
  for (auto const& name : files) {
    bool is_one = false;
    for (std::size_t i = 0; i < num && !is_one; ++i)
      is_one = name == shard_name(set, i, num);
    if (!is_one)
      throw error("{} is no shard of {} of {}", (folder / name).string(), num,
                  set);
  }
}

}  // namespace gasm
