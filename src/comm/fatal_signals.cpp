// SPDX-License-Identifier: Apache-2.0
#include "fatal_signals.hpp"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <array>
#include <cstddef>

#include "gasm/comm/flight_file.hpp"
#include "gasm/comm/stage.hpp"

namespace gasm {
namespace {

struct Watched {
  int number;
  char const* name;
};
constexpr std::array kSignals = {
    Watched{SIGSEGV, "SIGSEGV"}, Watched{SIGBUS, "SIGBUS"},
    Watched{SIGFPE, "SIGFPE"}, Watched{SIGILL, "SIGILL"},
    Watched{SIGABRT, "SIGABRT"}};
std::array<struct sigaction, kSignals.size()> previous_actions;
/// A thread that has no stack left cannot handle that on its own.
alignas(16) std::array<std::byte, 65536> signal_stack;

void print(char const* text) {
  [[maybe_unused]] auto const ignored =
      ::write(STDERR_FILENO, text, strlen(text));
}

// Nothing here takes memory or a lock.
void on_fatal_signal(int number) {
  char const* name = "signal";
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    if (kSignals[i].number != number) continue;
    name = kSignals[i].name;
    sigaction(number, &previous_actions[i], nullptr);
  }
  write_flight_file(name);
  print("error: ");
  print(name);
  print(" in phase \"");
  print(phase_mark());
  if (char const* const stage = current_stage()) {
    print(" > ");
    print(stage);
  }
  print("\"\n");
  // Comes when this handler returns, and finds the action of before.
  raise(number);
}

}  // namespace

void watch_fatal_signals() {
  stack_t stack{};
  stack.ss_sp = signal_stack.data();
  stack.ss_size = signal_stack.size();
  sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_handler = on_fatal_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_ONSTACK;
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i].number, &action, &previous_actions[i]);
}

}  // namespace gasm
