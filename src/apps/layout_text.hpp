// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "gasm/data/layout.hpp"

namespace gasm {

/// Facts and advice as one JSON object on one line; null for what is not
/// known.
std::string layout_json(LayoutFacts const& facts, LayoutAdvice const& advice);

/// What a person reads of it.
std::string layout_text(LayoutFacts const& facts, LayoutAdvice const& advice);

}  // namespace gasm
