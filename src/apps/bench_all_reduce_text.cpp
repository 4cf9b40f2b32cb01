// SPDX-License-Identifier: Apache-2.0
#include "bench_all_reduce_text.hpp"

#include <fmt/format.h>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

double algorithm_gb_per_s(BenchAllReduceResult const& result) {
  return 1e-9 * static_cast<double>(result.num_bytes) / result.ours_s;
}

/// What every link must carry, whatever the algorithm.
double bus_gb_per_s(BenchAllReduceResult const& result, int num_ranks) {
  return algorithm_gb_per_s(result) * 2.0 * (num_ranks - 1) / num_ranks;
}

char const* word_of(Reduction::Kind kind) {
  switch (kind) {
    case Reduction::Kind::sum:
      return "sum";
    case Reduction::Kind::mean:
      return "mean";
    case Reduction::Kind::scaled_sum:
      return "scaled_sum";
    case Reduction::Kind::maximum:
      return "max";
  }
  return "unknown";
}

}  // namespace

std::string to_json(BenchAllReduceResult const& r,
                    AllReduceShape const& shape) {
  return fmt::format(
      R"({{"bytes":{},"type":"{}","op":"{}","ranks":{},"ms":{:.4f},)"
      R"("algorithm_gb_per_s":{:.3f},"bus_gb_per_s":{:.3f},)"
      R"("plain_ms":{:.4f},"plain_slab_bytes":{},"over_plain":{:.4f},)"
      R"("tree_ms":{:.4f},"tree_over_plain":{:.4f}}})",
      r.num_bytes, name_of(shape.type), word_of(shape.kind), shape.num_ranks,
      1e3 * r.ours_s, algorithm_gb_per_s(r), bus_gb_per_s(r, shape.num_ranks),
      1e3 * r.plain_s, r.plain_slab_bytes, r.ours_s / r.plain_s, 1e3 * r.tree_s,
      r.tree_s / r.plain_s);
}

std::string to_text(BenchAllReduceResult const& r,
                    AllReduceShape const& shape) {
  return fmt::format(
      "{:>12} bytes {} {:>10.3f} ms  {:>7.2f} GB/s, bus {:>7.2f} GB/s; plain "
      "{:.3f} ms, {:.3f} of that; tree {:.3f} ms",
      r.num_bytes, name_of(shape.type), 1e3 * r.ours_s, algorithm_gb_per_s(r),
      bus_gb_per_s(r, shape.num_ranks), 1e3 * r.plain_s, r.ours_s / r.plain_s,
      1e3 * r.tree_s);
}

DataType data_type_of(std::string const& word) {
  for (DataType type : {DataType::fp32, DataType::bf16, DataType::fp16})
    if (word == name_of(type)) return type;
  throw usage_error("--type is {}. Try fp32, bf16 or fp16", word);
}

Reduction reduction_of(std::string const& word) {
  // Half, so that factors are worked with.
  for (Reduction reduction :
       {Reduction::sum(), Reduction::mean(), Reduction::scaled_sum(0.5f),
        Reduction::maximum()})
    if (word == word_of(reduction.kind)) return reduction;
  throw usage_error("--op is {}. Try sum, mean, scaled_sum or max", word);
}

}  // namespace gasm
