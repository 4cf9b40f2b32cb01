// SPDX-License-Identifier: Apache-2.0
#include "same_ranks.hpp"

#include <fmt/format.h>

#include <set>

#include "gasm/base/hash.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/odd_ranks.hpp"
#include "gasm/comm/rank_layout.hpp"
#include "gasm/data/step_plan.hpp"
#include "gasm/models/named_tensors.hpp"

namespace gasm {
namespace {

std::uint64_t hash_of(at::Tensor const& tensor) {
  auto const values = tensor.detach().cpu().contiguous();
  return xxh64(std::span(static_cast<std::byte const*>(values.const_data_ptr()),
                         values.nbytes()));
}

/// A line a tensor: its name and checksum.
std::string fingerprint(torch::nn::Module const& model) {
  std::string text;
  for (auto const& [name, tensor] : named_tensors(model))
    text += fmt::format("{} {}\n", name, to_hex(hash_of(tensor)));
  return text;
}

}  // namespace

void require_same_data(Communicator const& world, SampleStore const& store) {
  auto const odd = find_odd_ranks(
      world, fmt::format("{} samples, data hash {}", store.size(),
                         to_hex(store.data_hash())));
  if (!odd) return;
  throw AgreedError(usage_error(
      "{} holds other data on {} of {} ({}) than on rank {} ({}). Try the same "
      "file on all hosts",
      store.path().string(), odd->who(), world.size(), odd->of_odd, odd->usual,
      odd->of_usual));
}

std::uint64_t weights_checksum(torch::nn::Module const& model) {
  std::vector<std::uint64_t> hashes;
  for (auto const& [name, tensor] : named_tensors(model))
    hashes.push_back(hash_of(tensor));
  return xxh64(std::as_bytes(std::span(hashes)));
}

std::optional<OddWeights> find_odd_weights(Communicator const& world,
                                           torch::nn::Module const& model) {
  auto const odd = find_odd_ranks(world, fingerprint(model));
  if (!odd) return std::nullopt;
  auto const line = first_difference(odd->of_odd, odd->of_usual).left;
  return OddWeights{odd->who(), odd->usual, line.substr(0, line.find(' '))};
}

void require_same_weights(Communicator const& world,
                          torch::nn::Module const& model) {
  if (world.size() == 1) return;
  auto const odd = find_odd_weights(world, model);
  if (!odd) return;
  throw AgreedError(usage_error(
      "the weights of {} of {} are not those of rank {} ({} is the first that "
      "differs). Try the same weights and checkpoints on all hosts",
      odd->who, world.size(), odd->usual, odd->parameter));
}

std::string check_shares(RunConfig const& config, std::int64_t num_clips,
                         std::int64_t num_micro, int num_ranks) {
  auto const leaves = config.parallel.virtual_ranks;
  if (leaves > 0 && leaves < num_ranks)
    throw usage_error(
        "there are {} ranks, and parallel.virtual_ranks is {} (each of its "
        "leaves is one rank's work). Try at most {} ranks",
        num_ranks, leaves, leaves);
  if (num_clips < num_ranks)
    throw usage_error(
        "there are {} ranks, and a step has {} clip{} (train.global_batch is "
        "{}; a rank's least share is one clip). Try at most {} rank{}{}",
        num_ranks, num_clips, num_clips == 1 ? "" : "s",
        config.train.global_batch, num_clips, num_clips == 1 ? "" : "s",
        config.train.global_batch < num_ranks
            ? fmt::format(", or train.global_batch: {}", num_ranks)
            : "");
  std::set<int> idle;
  for (int rank = 0; rank < num_ranks; ++rank)
    if (rank_range(num_micro, rank, num_ranks).size() == 0) idle.insert(rank);
  if (idle.empty()) return "";
  return fmt::format(
      "rank{} {} will have nothing to do: a step of {} clips is {} "
      "micro-batch{} for {} ranks. Try train.micro_batch: {}",
      idle.size() == 1 ? "" : "s", ranges_text(idle), num_clips, num_micro,
      num_micro == 1 ? "" : "es", num_ranks, num_clips / num_ranks);
}

}  // namespace gasm
