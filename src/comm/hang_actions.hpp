// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace gasm {

/// What must be done before a process ends because of a hang, from the thread
/// of the watchdog: aborting what keeps other processes' devices busy. It is
/// done at most once, and taken back by the destructor.
class HangAction {
 public:
  explicit HangAction(std::function<void()> action);
  ~HangAction();
  HangAction(HangAction const&) = delete;
  HangAction& operator=(HangAction const&) = delete;

 private:
  int number_;
};

/// All of them at once, each in a thread of its own, as one may hang itself.
/// Returns when they are done, or after `patience_s`.
void run_hang_actions(double patience_s);

}  // namespace gasm
