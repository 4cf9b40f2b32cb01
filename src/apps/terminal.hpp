// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gasm {

/// Columns and rows of characters.
struct TerminalSize {
  int columns = 80;
  int rows = 24;
};

/// Whether what goes to standard error is seen on a terminal that lines can be
/// rewritten on: it is one, or the mpirun that started this process passes it
/// on to its own. Not if TERM is dumb.
bool is_seen_on_terminal();

/// The present size of that terminal, or of standard output's; 80 x 24 where
/// nobody knows.
TerminalSize size_of_standard_error();
TerminalSize size_of_standard_output();

/// Whether standard output is a terminal that understands escape sequences.
bool is_output_terminal();

/// Whether colours are wanted there (NO_COLOR, https://no-color.org).
bool are_colours_wanted();

}  // namespace gasm
