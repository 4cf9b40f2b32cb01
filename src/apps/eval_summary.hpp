// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "gasm/eval/evaluate.hpp"

namespace gasm {

/// What a person reads of an evaluation on the store `data`: counts, top-1 and
/// top-5 with their intervals, loss, and the classes that do worst.
std::string eval_summary(EvalResult const& result, std::string const& data,
                         std::vector<std::string> const& names);

}  // namespace gasm
