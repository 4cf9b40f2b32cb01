// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "gasm/data/bench_store.hpp"

namespace gasm {

/// One JSON object on one line. `fill` is null where it was not measured.
std::string bench_store_json(BenchStoreResult const& result);

/// What a person reads of it.
std::string bench_store_text(BenchStoreResult const& result);

}  // namespace gasm
