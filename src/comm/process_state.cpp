// SPDX-License-Identifier: Apache-2.0
#include "process_state.hpp"

#include <fstream>
#include <iterator>

namespace gasm {

ProcessState process_state(std::int64_t pid, std::string& words) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string const text{std::istreambuf_iterator<char>(file), {}};
  // "pid (name) state ...", and a name may hold anything.
  auto const end = text.rfind(") ");
  char const state =
      end == std::string::npos || end + 2 >= text.size() ? 'X' : text[end + 2];
  switch (state) {
    case 'T':
      words = "stopped by a signal";
      return ProcessState::stopped;
    case 't':
      words = "held by a debugger";
      return ProcessState::stopped;
    case 'X':
    case 'Z':
      words = "ended";
      return ProcessState::gone;
    case 'D':
      words = "waits for a device";
      return ProcessState::alive;
    case 'R':
      words = "computes or polls";
      return ProcessState::alive;
    default:
      words = "sleeps";
      return ProcessState::alive;
  }
}

}  // namespace gasm
