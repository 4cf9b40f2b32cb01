// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gasm {

/// The candidate with the smallest edit distance to `word`, or "" when none
/// is near enough to be what was meant (distance above a third of the word).
std::string nearest(std::string_view word,
                    std::span<std::string const> candidates);

}  // namespace gasm
