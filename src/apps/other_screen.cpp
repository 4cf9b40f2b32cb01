// SPDX-License-Identifier: Apache-2.0
#include "other_screen.hpp"

#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <thread>

#include "gasm/base/clock.hpp"

namespace gasm {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};

volatile sig_atomic_t was_interrupted = 0;
volatile sig_atomic_t was_resized = 0;

void on_signal(int number) {
  (number == SIGWINCH ? was_resized : was_interrupted) = 1;
}

void print_raw(std::string const& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

OtherScreen::OtherScreen() {
  for (int const number : kSignals) ::signal(number, on_signal);
  print_raw("\x1b[?1049h\x1b[?25l");
}

OtherScreen::~OtherScreen() {
  print_raw("\x1b[?25h\x1b[?1049l");
  for (int const number : kSignals) ::signal(number, SIG_DFL);
}

void OtherScreen::show(std::vector<std::string> const& lines) {
  std::string text = "\x1b[H";
  // Erased before it is written: behind a full line, the terminal would take
  // its last character away.
  auto const num_lines = std::max(lines.size(), num_shown_);
  for (std::size_t i = 0; i < num_lines; ++i) {
    text += i > 0 ? "\r\n\x1b[K" : "\x1b[K";
    if (i < lines.size()) text += lines[i];
  }
  num_shown_ = lines.size();
  print_raw(text);
}

bool OtherScreen::wait(double seconds) {
  constexpr auto pause = std::chrono::milliseconds(50);
  double const end_s = monotonic_s() + seconds;
  while (monotonic_s() < end_s && was_interrupted == 0 && was_resized == 0)
    std::this_thread::sleep_for(pause);
  if (was_resized != 0) {
    print_raw("\x1b[2J");
    num_shown_ = 0;
  }
  was_resized = 0;
  return was_interrupted == 0;
}

}  // namespace gasm
