// SPDX-License-Identifier: Apache-2.0
#include "fault.hpp"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "gasm/base/error.hpp"

namespace gasm {

void fault_point(int rank, std::string_view phase, std::int64_t step) {
  static char const* const wanted = std::getenv("GASM_TEST_FAULT");
  if (!wanted) return;
  auto const place = fmt::format("{}:{}", rank, phase);
  for (std::string_view const kind :
       {"throw", "exit", "kill", "hang", "signal"}) {
    auto const any_step = fmt::format("{}:{}", kind, place);
    if (any_step != wanted && fmt::format("{}:{}", any_step, step) != wanted)
      continue;
    if (kind == "throw")
      throw std::runtime_error("a fault asked for by a test");
    if (kind == "exit") std::_Exit(1);
    if (kind == "kill") std::raise(SIGKILL);
    if (kind == "signal") std::raise(SIGUSR1);
    if (kind == "hang") std::this_thread::sleep_for(std::chrono::hours(1));
  }
}

}  // namespace gasm
