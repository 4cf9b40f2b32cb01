// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "gasm/base/error.hpp"
#include "gasm/data/layout.hpp"

namespace gasm {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr double kNodeGbPerS = 1.0;
/// More readers of one file get in each other's way on one network card.
constexpr int kMostReaders = 8;

double gb(std::uint64_t num_bytes) {
  return static_cast<double>(num_bytes) * 1e-9;
}

void check_facts(LayoutFacts const& facts) {
  if (facts.num_bytes == 0)
    throw usage_error("a store without bytes needs no layout. Try --bytes N");
  if (facts.num_ranks < 1 || facts.ranks_per_node < 1 ||
      facts.ranks_per_node > facts.num_ranks)
    throw usage_error(
        "{} ranks with {} on a node are no job. Try --ranks N and "
        "--ranks-per-node up to N",
        facts.num_ranks, facts.ranks_per_node);
}

/// A store is read in pieces of 4 MiB: with stripes of that size a piece comes
/// from one server or two. Servers beyond what a job can read from at a time
/// only add to the cost of opening.
Stripes wanted_stripes(std::uint64_t num_bytes) {
  constexpr std::uint64_t billion = 1'000'000'000;
  if (num_bytes < billion) return {1, 4 * kMiB};
  return {num_bytes < 32 * billion ? 4 : 8, 4 * kMiB};
}

std::uint64_t alignment_of(std::vector<ByteRange> const& parts) {
  if (parts.empty()) return 0;
  std::uint64_t unit = kMiB;
  for (auto const& part : parts)
    while (part.start % unit != 0) unit /= 2;
  return unit;
}

std::string size_word(std::uint64_t num_bytes) {
  if (num_bytes % kMiB == 0) return fmt::format("{}M", num_bytes / kMiB);
  return fmt::format("{}", num_bytes);
}

std::string set_command(Stripes const& stripes) {
  return fmt::format("lfs setstripe -c {} -S {} FOLDER", stripes.count,
                     size_word(stripes.size_bytes));
}

void advise_lustre(LayoutFacts const& facts, LayoutAdvice& advice) {
  auto& say = advice.sentences;
  auto const& wanted = advice.stripes;
  if (facts.parts.empty()) {
    say.push_back(fmt::format(
        "before the store is written, set the stripes of its folder: {}",
        set_command(wanted)));
    return;
  }
  if (!facts.stripes) {
    say.push_back(
        fmt::format("its stripes are not known (there is no lfs, or it does "
                    "not answer); new files should have: {}",
                    set_command(wanted)));
    return;
  }
  if (facts.stripes->count < wanted.count)
    say.push_back(fmt::format(
        "it lies on {} of the {} servers that it should, and is read at their "
        "rate: lfs migrate -c {} -S {} FILE",
        facts.stripes->count, wanted.count, wanted.count,
        size_word(wanted.size_bytes)));
  if (facts.stripes->size_bytes < wanted.size_bytes)
    say.push_back(fmt::format(
        "its stripes of {} bytes cut a read of 4 MiB into pieces of many "
        "servers: {} for what is written next",
        facts.stripes->size_bytes, set_command(wanted)));
}

void advise_shared(FileSystem file_system, LayoutAdvice& advice) {
  auto& say = advice.sentences;
  if (file_system == FileSystem::nfs && advice.num_nodes > 1)
    say.push_back(fmt::format(
        "one server feeds all {} nodes: let it be read once (resident or "
        "exchange), or copy it to a local disk of each node first",
        advice.num_nodes));
  if (advice.choice.mode == StoreMode::direct)
    say.push_back(
        "each sample is a read over the network: copy the store to a local "
        "disk of each node first, or read in order with data.store: stream, "
        "or give data.threads: 4 or more");
  say.push_back(
      "gasm reads it without HDF5's file locks; other programs may need "
      "HDF5_USE_FILE_LOCKING=FALSE");
}

void advise_local(FileSystem file_system, LayoutFacts const& facts,
                  LayoutAdvice& advice) {
  auto& say = advice.sentences;
  if (file_system == FileSystem::tmpfs) {
    say.push_back(
        "the file is in memory already, and a resident store would be a "
        "second copy: data.store: direct");
    return;
  }
  if (file_system == FileSystem::overlay)
    say.push_back(
        "this is a layer of a container, slow to write and gone with it: "
        "mount a folder of the machine and keep the store there");
  if (advice.num_nodes > 1)
    say.push_back(fmt::format(
        "this is a disk of one machine: each of {} nodes needs a copy of the "
        "file at the same path",
        advice.num_nodes));
  if (advice.choice.mode == StoreMode::direct && facts.free_bytes > 0)
    say.push_back(
        "it does not fit into memory: on a disk that turns, read in order "
        "with data.store: stream");
}

bool is_network(FileSystem file_system) {
  switch (file_system) {
    case FileSystem::lustre:
    case FileSystem::nfs:
    case FileSystem::gpfs:
    case FileSystem::beegfs:
      return true;
    default:
      return false;
  }
}

void advise_alignment(LayoutFacts const& facts, LayoutAdvice& advice) {
  if (facts.parts.empty()) return;
  auto const unit =
      facts.stripes ? std::min(facts.stripes->size_bytes, kMiB) : kMiB;
  if (advice.alignment_bytes % unit == 0) return;
  // Columns below 64 KiB are not aligned, and need not be.
  if (facts.num_bytes < kMiB) return;
  advice.sentences.push_back(fmt::format(
      "its data begin at a multiple of {} bytes only, so that reads straddle "
      "stripes: write it anew with gasm data pack or gasm extract, which "
      "begin at multiples of 1 MiB",
      advice.alignment_bytes));
}

void advise_memory(LayoutFacts const& facts, LayoutAdvice& advice) {
  if (advice.choice.mode == StoreMode::resident) return;
  advice.sentences.push_back(fmt::format(
      "a machine with {:.0f} GB of free memory would hold it whole (resident)",
      2 * gb(facts.num_bytes) + 0.5));
}

}  // namespace

LayoutAdvice advise_layout(LayoutFacts const& facts) {
  check_facts(facts);
  LayoutAdvice advice;
  advice.num_nodes =
      (facts.num_ranks + facts.ranks_per_node - 1) / facts.ranks_per_node;
  advice.choice = choose_store_mode(facts.num_bytes, facts.free_bytes,
                                    facts.ranks_per_node, facts.num_ranks);
  for (auto const mode : {StoreMode::resident, StoreMode::exchange,
                          StoreMode::stream, StoreMode::direct}) {
    auto const kept = kept_bytes(mode, facts.num_bytes, facts.ranks_per_node,
                                 facts.num_ranks);
    advice.needs.push_back({mode, kept, kept <= facts.free_bytes / 2});
    if (mode == advice.choice.mode) advice.fill_s = gb(kept) / kNodeGbPerS;
  }
  advice.readers_per_node = std::min(facts.ranks_per_node, kMostReaders);
  advice.stripes = wanted_stripes(facts.num_bytes);
  advice.alignment_bytes = alignment_of(facts.parts);
  if (facts.file_system) {
    if (*facts.file_system == FileSystem::lustre) advise_lustre(facts, advice);
    if (is_network(*facts.file_system))
      advise_shared(*facts.file_system, advice);
    else
      advise_local(*facts.file_system, facts, advice);
  }
  advise_alignment(facts, advice);
  advise_memory(facts, advice);
  return advice;
}

}  // namespace gasm
