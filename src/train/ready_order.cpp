// SPDX-License-Identifier: Apache-2.0
#include "ready_order.hpp"

#include <cstdint>
#include <span>

namespace gasm {

void ReadyOrder::note(std::size_t parameter) {
  seen_.push_back(parameter);
  ++num_times_.at(parameter);
}

std::vector<std::size_t> ReadyOrder::once() const {
  std::vector<std::size_t> found;
  for (auto const parameter : seen_)
    if (num_times_[parameter] == 1) found.push_back(parameter);
  return found;
}

std::vector<std::size_t> ReadyOrder::never() const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < num_times_.size(); ++i)
    if (num_times_[i] == 0) found.push_back(i);
  return found;
}

std::optional<ReadyOrder> agree_ready_order(Communicator const& world,
                                            ReadyOrder const& mine) {
  auto const lengths =
      world.all_gather(static_cast<std::uint64_t>(mine.seen().size()));
  for (int rank = 0; rank < world.size(); ++rank) {
    auto const length = lengths[static_cast<std::size_t>(rank)];
    if (length == 0) continue;
    std::vector<std::uint64_t> seen(mine.seen().begin(), mine.seen().end());
    seen.resize(length);
    world.broadcast(std::span(seen), rank);
    ReadyOrder agreed(mine.num_parameters());
    for (auto const parameter : seen) agreed.note(parameter);
    return agreed;
  }
  return std::nullopt;
}

}  // namespace gasm
