// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gasm {

/// A curve as points in ascending order of `step`.
struct PlotPoint {
  std::int64_t step;
  double value;
};

struct PlotOptions {
  int columns = 60;         ///< characters of the whole plot, with its labels
  int rows = 8;             ///< of the plot, without the line of steps beneath
  char const* colour = "";  ///< escape sequence of the dots, or ""
  bool is_percent = false;  ///< labels are shares of 1 in percent
};

/// Rows of text that show `line` as dots, two by four in a character (braille,
/// U+2800), and `marks` as × on top: a label of nine characters, a bar, the
/// dots; beneath, the first and the last step. Top and bottom are the largest
/// and the smallest finite value of both.
///
/// With W x H dots, a point of step s stands in column
/// (s - s0) * (W - 1) / (s1 - s0), rounded down, s0 and s1 being the first and
/// last step of both; a value v in row (top - v) / (top - bottom) * (H - 1),
/// rounded, from above. In a column all rows between the largest and the
/// smallest value are set; columns between two points are set on the straight
/// line between them.
std::vector<std::string> braille_plot(std::vector<PlotPoint> const& line,
                                      std::vector<PlotPoint> const& marks,
                                      PlotOptions const& options);

}  // namespace gasm
