// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "gasm/train/bench_backbone.hpp"
#include "gasm/train/bench_model.hpp"

namespace gasm {

/// Of one model, for people and as one line of JSON.
std::string to_text(ModelCost const& cost);
std::string to_json(ModelCost const& cost);
std::string to_text(BackboneCost const& cost);
std::string to_json(BackboneCost const& cost);

/// The costs of one model as shares of another's.
std::string compared(ModelCost const& first, ModelCost const& other);

/// --precision; a usage error for a word that is none.
Precision precision_of(std::string const& word);

/// A usage error unless 1 to a million.
int checked_count(char const* option, int value);

}  // namespace gasm
