// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/data/webdataset.hpp"
#include "webdataset_samples.hpp"

namespace gasm {
namespace {

using Shards = std::vector<std::vector<WdsSample>>;

/// Rank r reads shards r, r + size, ...; all get all.
Shards read_shards(Communicator const& comm,
                   std::vector<std::filesystem::path> const& paths) {
  auto const step = static_cast<std::size_t>(comm.size());
  auto const mine = agree_call(comm, [&] {
    Shards shards;
    for (auto i = static_cast<std::size_t>(comm.rank()); i < paths.size();
         i += step)
      shards.push_back(read_shard(paths[i]));
    return shards;
  });
  auto const texts = comm.all_gather_strings(samples_to_text(mine));
  Shards shards(paths.size());
  for (std::size_t rank = 0; rank < texts.size(); ++rank) {
    auto lists = samples_of_text(texts[rank]);
    for (std::size_t k = 0; k < lists.size(); ++k)
      shards[rank + k * step] = std::move(lists[k]);
  }
  return shards;
}

void add_sample(WebDataset& set, std::size_t shard, WdsSample const& sample) {
  auto problem = sample.problem;
  auto const before = set.source.places.find(sample.id);
  if (problem.empty() && before != set.source.places.end())
    problem = fmt::format(
        "its id stood before, in {}",
        set.source.containers[before->second.front().container].string());
  if (!problem.empty()) {
    set.problems.push_back(fmt::format("sample {} of {}: {}", sample.id,
                                       set.source.containers[shard].string(),
                                       problem));
    return;
  }
  set.source.places[sample.id].push_back(
      {sample.id + '.' + sample.extension, static_cast<std::uint32_t>(shard),
       VideoSlice{sample.offset, sample.num_bytes, std::nullopt}});
  Annotation record;
  record.id = sample.id;
  record.label = sample.label.value_or(-1);
  set.split.records.push_back(std::move(record));
}

}  // namespace

WebDataset open_webdataset(Communicator const& comm,
                           std::vector<std::filesystem::path> const& paths,
                           std::string const& split,
                           std::vector<std::string> const& classes) {
  auto shards = read_shards(comm, paths);
  WebDataset set;
  set.source.containers = paths;
  set.split.split = split;
  set.split.classes = classes;
  std::vector<WdsSample*> samples;
  for (auto& shard : shards)
    for (auto& sample : shard) samples.push_back(&sample);
  resolve_classes(samples, set.split.classes);
  for (std::size_t i = 0; i < shards.size(); ++i)
    for (auto const& sample : shards[i]) add_sample(set, i, sample);
  // Every rank has the same samples, so all of them come to the same verdict.
  if (set.split.records.empty())
    throw AgreedError(error("the shards hold no sample that can be used{}",
                            set.problems.empty()
                                ? std::string()
                                : " (" + set.problems.front() + ")"));
  if (set.split.classes.empty())
    throw AgreedError(error(
        "no sample of the shards has a class. Try --labels with the folder of "
        "labels.json"));
  return set;
}

}  // namespace gasm
