// SPDX-License-Identifier: Apache-2.0
#include "fault.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <string>
#include <thread>

#include "gasm/base/error.hpp"

namespace gasm {

namespace {

bool is_wanted(std::string_view kind, int rank, std::string_view phase,
               std::int64_t step) {
  static char const* const wanted = std::getenv("GASM_TEST_FAULT");
  if (!wanted) return false;
  auto const any_step = fmt::format("{}:{}:{}", kind, rank, phase);
  return any_step == wanted || fmt::format("{}:{}", any_step, step) == wanted;
}

}  // namespace

void fault_point(int rank, std::string_view phase, std::int64_t step) {
  for (std::string_view const kind :
       {"throw", "exit", "kill", "hang", "signal"}) {
    if (!is_wanted(kind, rank, phase, step)) continue;
    if (kind == "throw")
      throw std::runtime_error("a fault asked for by a test");
    if (kind == "exit") std::_Exit(1);
    if (kind == "kill") std::raise(SIGKILL);
    if (kind == "signal") std::raise(SIGUSR1);
    if (kind == "hang") std::this_thread::sleep_for(std::chrono::hours(1));
  }
}

at::Tensor faulty_loss(at::Tensor const& loss, int rank, std::int64_t step) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  if (is_wanted("nan", rank, "loss", step)) return loss * kNan;
  // The slope of a root at 0 is infinite, and 0 times that is not a number.
  if (is_wanted("nan", rank, "gradient", step))
    return loss + 0.0 * (loss - loss.detach()).sqrt();
  return loss;
}

bool is_device_step_asked() {
  return std::getenv("GASM_TEST_DEVICE_STEP") != nullptr;
}

}  // namespace gasm
