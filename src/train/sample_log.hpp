// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gasm/data/micro_batch.hpp"

namespace gasm {

/// For tests: with GASM_TEST_SAMPLES=FOLDER each rank appends to
/// FOLDER/rank-R.txt what it trains on, a line of each micro-batch with its
/// epoch, step, index and samples. Without the variable it does nothing.
void log_samples(int rank, MicroBatch const& batch);

}  // namespace gasm
