// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "gasm/comm/values.hpp"

namespace gasm {

enum class Operation { all_reduce, reduce_scatter, all_gather, broadcast };

/// Literals, as CollectiveScope wants them.
char const* name_of(Operation operation);

/// What a rank calls; ranks send it to each other to compare.
struct CollectiveCall {
  Operation operation = Operation::all_reduce;
  Values values;  ///< its address means something on its own rank only
  Reduction reduction;
  int root = 0;
};

/// Throws the same AgreedError on all ranks unless all call the same. Not
/// collective: all look at the same calls.
void require_same(std::span<CollectiveCall const> calls);

/// Throws an AgreedError unless `call`, which all ranks make, makes sense on
/// so many ranks with values in `memory`. Not collective.
void require_sense(CollectiveCall const& call, Memory memory, int num_ranks);

}  // namespace gasm
