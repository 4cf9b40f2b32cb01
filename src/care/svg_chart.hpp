// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gasm/care/distribution.hpp"

namespace gasm {

/// Charts as inline SVG for stats_page: colours come from the page's CSS
/// classes (bar, axis, grid, tick, name), sizes from the width they are given.

/// Text made safe for HTML and SVG.
std::string escaped(std::string const& text);

/// 168913 -> "168,913".
std::string with_commas(std::int64_t number);

/// Bars of a histogram with both axes; `x_name` has the unit in it. A note in
/// its place if there is no value.
std::string histogram_svg(Distribution const& distribution,
                          std::string const& x_name, std::string const& y_name);

/// Counts from the largest to the smallest: how long the tail of the classes
/// is. One bar a class.
std::string ranked_svg(std::vector<std::int64_t> counts,
                       std::string const& x_name, std::string const& y_name);

}  // namespace gasm
