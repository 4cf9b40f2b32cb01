// SPDX-License-Identifier: Apache-2.0
#include "machine_info.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "gasm/base/file.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

/// The number that a file begins with; `otherwise` where there is none.
std::uint64_t read_number(char const* path, std::uint64_t otherwise) {
  auto const text = read_text(path);
  std::uint64_t value = 0;
  if (!text) return otherwise;
  auto const end = text->data() + text->size();
  return std::from_chars(text->data(), end, value).ec == std::errc{}
             ? value
             : otherwise;
}

int num_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return 1;
  return CPU_COUNT(&allowed);
}

std::uint64_t memory_bytes() {
  auto const all = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                   static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return std::min(all, read_number("/sys/fs/cgroup/memory.max", all));
}

}  // namespace

MachineInfo machine_info() {
  MachineInfo info;
  info.num_cpus = num_cpus();
  info.memory_bytes = memory_bytes();
  std::error_code none;
  info.temp_folder = fs::temp_directory_path(none);
  auto const space = fs::space(info.temp_folder, none);
  if (!none) info.temp_free_bytes = space.available;
  info.has_gpu_driver = fs::exists("/dev/nvidiactl", none);
  return info;
}

}  // namespace gasm
