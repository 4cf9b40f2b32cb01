// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/collective.hpp"

#include <fmt/format.h>

#include <string>

#include "collective_call.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/collective_log.hpp"

namespace gasm {
namespace {

bool is_reduction(Operation operation) {
  return operation == Operation::all_reduce ||
         operation == Operation::reduce_scatter;
}

bool has_shares(Operation operation) {
  return operation == Operation::reduce_scatter ||
         operation == Operation::all_gather;
}

bool is_same(CollectiveCall const& a, CollectiveCall const& b) {
  return a.operation == b.operation && a.values.count == b.values.count &&
         a.values.type == b.values.type && a.values.memory == b.values.memory &&
         a.reduction.kind == b.reduction.kind && a.root == b.root;
}

std::string text_of(CollectiveCall const& call) {
  auto text = fmt::format("{} of {} {} values in {}", name_of(call.operation),
                          call.values.count, name_of(call.values.type),
                          name_of(call.values.memory));
  if (is_reduction(call.operation))
    text += fmt::format(" ({})", name_of(call.reduction.kind));
  if (call.operation == Operation::broadcast)
    text += fmt::format(" (root {})", call.root);
  return text;
}

void require_equal_shares(CollectiveCall const& call, int num_ranks) {
  auto const n = static_cast<std::size_t>(num_ranks);
  std::size_t const rest = call.values.count % n;
  if (rest == 0) return;
  throw AgreedError(
      error("{} on {} ranks (their shares must be equal). Try padding to {}",
            text_of(call), num_ranks, call.values.count + n - rest));
}

}  // namespace

char const* name_of(DataType type) {
  switch (type) {
    case DataType::fp32:
      return "fp32";
    case DataType::bf16:
      return "bf16";
    case DataType::fp16:
      return "fp16";
  }
  return "unknown";
}

char const* name_of(Memory memory) {
  return memory == Memory::host ? "host memory" : "CUDA memory";
}

char const* name_of(Reduction::Kind kind) {
  switch (kind) {
    case Reduction::Kind::sum:
      return "sum";
    case Reduction::Kind::mean:
      return "mean";
    case Reduction::Kind::scaled_sum:
      return "scaled sum";
    case Reduction::Kind::maximum:
      return "maximum";
  }
  return "unknown";
}

char const* name_of(Operation operation) {
  switch (operation) {
    case Operation::all_reduce:
      return "all_reduce";
    case Operation::reduce_scatter:
      return "reduce_scatter";
    case Operation::all_gather:
      return "all_gather";
    case Operation::broadcast:
      return "broadcast";
  }
  return "unknown";
}

Values share(Values values, int rank, int num_ranks) {
  std::size_t const count = values.count / static_cast<std::size_t>(num_ranks);
  auto* const first = static_cast<std::byte*>(values.data);
  std::size_t const skipped = count * static_cast<std::size_t>(rank);
  return {first + skipped * bytes_of(values.type), count, values.type,
          values.memory};
}

void require_same(std::span<CollectiveCall const> calls) {
  for (std::size_t rank = 1; rank < calls.size(); ++rank)
    if (!is_same(calls[rank], calls[0]))
      throw AgreedError(
          error("rank {} calls {}, rank 0 {} (all ranks must call the same)",
                rank, text_of(calls[rank]), text_of(calls[0])));
}

void require_sense(CollectiveCall const& call, Memory memory, int num_ranks) {
  if (call.values.memory != memory)
    throw AgreedError(error("{} on a collective that works in {}",
                            text_of(call), name_of(memory)));
  if (has_shares(call.operation)) require_equal_shares(call, num_ranks);
  if (call.root < 0 || call.root >= num_ranks)
    throw AgreedError(
        error("{}: no such rank ({} ranks)", text_of(call), num_ranks));
}

void Collective::check_and_run(CollectiveCall const& mine) {
  CollectiveScope scope(
      name_of(mine.operation),
      {.bytes = mine.values.size_bytes(), .type = name_of(mine.values.type)});
  auto const all = meet(mine);
  require_same(all);
  require_sense(mine, memory(), size());
  if (mine.values.count > 0) run(mine, all);
}

void Collective::all_reduce(Values values, Reduction reduction) {
  check_and_run({Operation::all_reduce, values, reduction, 0});
}

void Collective::reduce_scatter(Values values, Reduction reduction) {
  check_and_run({Operation::reduce_scatter, values, reduction, 0});
}

void Collective::all_gather(Values values) {
  check_and_run({Operation::all_gather, values, {}, 0});
}

void Collective::broadcast(Values values, int root) {
  check_and_run({Operation::broadcast, values, {}, root});
}

}  // namespace gasm
