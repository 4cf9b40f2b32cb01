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

constexpr auto kSlowness = std::chrono::milliseconds(200);
constexpr auto kTimeToBeSeen = std::chrono::milliseconds(2500);

void loop_for_an_hour() {
  auto const end = std::chrono::steady_clock::now() + std::chrono::hours(1);
  while (std::chrono::steady_clock::now() < end) continue;
}

}  // namespace

void fault_point(int rank, std::string_view phase, std::int64_t step) {
  for (std::string_view const kind : {"throw", "exit", "kill", "hang", "signal",
                                      "loop", "stop", "crash", "slow"}) {
    if (!is_wanted(kind, rank, phase, step)) continue;
    if (kind == "throw")
      throw std::runtime_error("a fault asked for by a test");
    if (kind == "exit") std::_Exit(1);
    if (kind == "kill") std::raise(SIGKILL);
    if (kind == "signal") std::raise(SIGUSR1);
    if (kind == "hang") std::this_thread::sleep_for(std::chrono::hours(1));
    if (kind == "loop") loop_for_an_hour();
    if (kind == "crash") std::raise(SIGSEGV);
    if (kind == "slow") std::this_thread::sleep_for(kSlowness);
    if (kind == "stop") {
      // The status board knows where a rank was a second ago.
      std::this_thread::sleep_for(kTimeToBeSeen);
      std::raise(SIGSTOP);
    }
  }
}

void fault_call(Communicator const& world, std::string_view phase,
                std::int64_t step) {
  std::int64_t unasked = step;
  if (is_wanted("extra", world.rank(), phase, step))
    world.broadcast(unasked, world.rank());
}

bool is_call_skipped(int rank, std::string_view phase, std::int64_t step) {
  return is_wanted("skip", rank, phase, step);
}

void fault_weights(torch::nn::Module& model, int rank, std::int64_t step) {
  if (!is_wanted("flip", rank, "weights", step)) return;
  torch::NoGradGuard const no_grad;
  auto const last = model.parameters().back();
  auto* const bytes = static_cast<unsigned char*>(last.data_ptr());
  bytes[0] ^= 1U;
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
