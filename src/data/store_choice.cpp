// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/store_choice.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <fstream>
#include <limits>

namespace gasm {
namespace {

double gb(std::uint64_t num_bytes) {
  return static_cast<double>(num_bytes) * 1e-9;
}

std::uint64_t number_in(char const* path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  // "max" is no number, and means no limit.
  return file >> value ? value : std::numeric_limits<std::uint64_t>::max();
}

std::uint64_t system_free_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string name;
  std::uint64_t kib = 0;
  while (file >> name >> kib) {
    if (name == "MemAvailable:") return kib << 10;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

std::uint64_t group_free_bytes() {
  auto const most = number_in("/sys/fs/cgroup/memory.max");
  auto const used = number_in("/sys/fs/cgroup/memory.current");
  if (most == std::numeric_limits<std::uint64_t>::max() ||
      used == std::numeric_limits<std::uint64_t>::max())
    return std::numeric_limits<std::uint64_t>::max();
  return most - std::min(most, used);
}

/// Ranks of one machine share through files there.
std::uint64_t shared_free_bytes() {
  struct statvfs info {};
  if (::statvfs("/dev/shm", &info) != 0) return 0;
  return static_cast<std::uint64_t>(info.f_bavail) *
         static_cast<std::uint64_t>(info.f_frsize);
}

}  // namespace

std::uint64_t free_memory_bytes() {
  return std::min(system_free_bytes(), group_free_bytes());
}

std::uint64_t kept_bytes(StoreMode mode, std::uint64_t num_bytes,
                         int ranks_here, int num_ranks) {
  if (mode == StoreMode::resident) return num_bytes;
  if (mode != StoreMode::exchange) return 0;
  return num_bytes / static_cast<std::uint64_t>(num_ranks) *
         static_cast<std::uint64_t>(ranks_here);
}

StoreChoice choose_store_mode(std::uint64_t num_bytes, std::uint64_t free_bytes,
                              int ranks_here, int num_ranks) {
  auto const budget = free_bytes / 2;
  auto const share =
      kept_bytes(StoreMode::exchange, num_bytes, ranks_here, num_ranks);
  if (num_bytes <= budget)
    return {StoreMode::resident,
            fmt::format("{:.2f} GB fit into half of the {:.2f} GB free",
                        gb(num_bytes), gb(free_bytes))};
  if (ranks_here < num_ranks && share <= budget)
    return {StoreMode::exchange,
            fmt::format("{:.2f} GB do not fit into half of the {:.2f} GB free "
                        "of a machine, but its share of {:.2f} GB does",
                        gb(num_bytes), gb(free_bytes), gb(share))};
  return {StoreMode::direct,
          fmt::format("{:.2f} GB do not fit into half of the {:.2f} GB free",
                      gb(num_bytes), gb(free_bytes))};
}

StoreChoice choose_store_mode(Communicator const& world,
                              std::uint64_t num_bytes) {
  auto node = world.node_local();
  auto const ranks_here = world.all_reduce_max(node.size());
  auto free_bytes = free_memory_bytes();
  if (node.size() > 1) free_bytes = std::min(free_bytes, shared_free_bytes());
  node.close();
  free_bytes = world.all_reduce_min(free_bytes);
  return choose_store_mode(num_bytes, free_bytes, ranks_here, world.size());
}

}  // namespace gasm
