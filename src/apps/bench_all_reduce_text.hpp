// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "gasm/comm/bench_all_reduce.hpp"

namespace gasm {

/// What a bandwidth is counted over.
struct AllReduceShape {
  DataType type = DataType::fp32;
  Reduction::Kind kind = Reduction::Kind::sum;
  int num_ranks = 1;
};

/// One JSON object on one line.
std::string to_json(BenchAllReduceResult const& result,
                    AllReduceShape const& shape);
/// One line.
std::string to_text(BenchAllReduceResult const& result,
                    AllReduceShape const& shape);

/// "fp32", "bf16" or "fp16"; else throws a usage error.
DataType data_type_of(std::string const& word);
/// "sum", "mean", "scaled_sum" or "max"; else throws a usage error.
Reduction reduction_of(std::string const& word);

}  // namespace gasm
