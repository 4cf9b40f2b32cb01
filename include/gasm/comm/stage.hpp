// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace gasm {

/// A part of a phase that is too short to be one of its own (forward, backward
/// of a training step): what a watchdog and the flight recorder name inside
/// the phase, for as long as it lives. Has no deadline of its own. Costs
/// nothing. One thread.
class Stage {
 public:
  /// `name`: a literal.
  explicit Stage(char const* name);
  ~Stage();
  Stage(Stage const&) = delete;
  Stage& operator=(Stage const&) = delete;

 private:
  char const* outer_;
};

/// Its name; nullptr outside of any. From any thread.
char const* current_stage();

/// A copy of `text` that lives as long as the process, with what JSON wants
/// escaped. The same text has the same address.
char const* kept_text(std::string_view text);

/// The parameter whose gradient was complete last, a kept_text; nullptr: none
/// of this step. From any thread.
void note_parameter(char const* name);
char const* last_parameter();

/// The phases that are open, a kept_text: noted by the watchdog.
void note_phase_mark(char const* phases);
char const* phase_mark();

}  // namespace gasm
