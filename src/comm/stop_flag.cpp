// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/stop_flag.hpp"

#include <signal.h>

#include <array>
#include <atomic>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGUSR1};

std::atomic<bool> is_installed{false};
std::atomic<int> last_signal{0};
std::atomic<int> num_interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free);
std::array<struct sigaction, kSignals.size()> previous_actions;

void on_signal(int number) {
  last_signal.store(number);
  if (number != SIGINT || num_interrupts.fetch_add(1) == 0) return;
  // Whoever asks twice does not want to wait for a checkpoint.
  signal(SIGINT, SIG_DFL);
  raise(SIGINT);
}

}  // namespace

StopFlag::StopFlag() {
  if (is_installed.exchange(true))
    throw error("there is a StopFlag already (one a process)");
  last_signal = 0;
  num_interrupts = 0;
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  // Reads and writes that a signal interrupts go on by themselves.
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i], &action, &previous_actions[i]);
}

StopFlag::~StopFlag() {
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i], &previous_actions[i], nullptr);
  is_installed = false;
}

int StopFlag::signal_number() const { return last_signal.load(); }

}  // namespace gasm
