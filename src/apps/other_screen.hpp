// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace gasm {

/// The other screen of a terminal, without a cursor, that pictures are shown
/// on in place of each other. What was there before comes back with the end of
/// the scope. While it lives, SIGINT, SIGTERM and SIGHUP end its waiting, and a
/// new size of the terminal cuts it short. One a process.
class OtherScreen {
 public:
  OtherScreen();
  ~OtherScreen();
  OtherScreen(OtherScreen const&) = delete;
  OtherScreen& operator=(OtherScreen const&) = delete;

  /// No line may be longer than the terminal is wide.
  void show(std::vector<std::string> const& lines);

  /// Waits for the next picture; false: somebody wants it to end.
  bool wait(double seconds);

 private:
  std::size_t num_shown_ = 0;
};

}  // namespace gasm
