// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "gasm/data/step_plan.hpp"
#include "gasm/store/record_reader.hpp"

namespace gasm {

class Communicator;

/// Store modes that know the plan of the run, and so bring records before
/// they are asked for. A record that the plan does not give to this rank (a
/// substitute for a bad clip) is read from the file.

struct AheadOptions {
  BatchPlan plan;
  std::int64_t total_steps = 0;  ///< of the run: nothing is brought beyond
  /// Micro-batches that the caller prepares ahead of the one that it needs.
  std::int64_t depth = 4;
  /// Which record of a sample an epoch reads; empty: they are numbered alike.
  std::function<std::int64_t(std::int64_t epoch, std::int64_t sample)>
      record_of = {};
};

/// exchange: the ranks together hold one copy of the store, each a contiguous
/// share, and send each other the records of the next steps while they
/// compute. begin_step() sends and receives; all of it happens on the calling
/// thread, at every step of the run. Collective over `world`; throws the same
/// Error on all ranks if the file cannot be read. `file` must outlive it.
std::unique_ptr<RecordReader> make_exchange_reader(Communicator const& world,
                                                   RecordFile const& file,
                                                   AheadOptions options);

/// stream: for stores larger than memory. Each rank holds its records of two
/// windows of the block shuffle at a time, which a thread reads in the order
/// of the file. The first begin_step() starts it there. `file` must outlive
/// it. Not collective.
std::unique_ptr<RecordReader> make_stream_reader(RecordFile const& file,
                                                 AheadOptions options,
                                                 std::int64_t rank,
                                                 std::int64_t num_ranks);

}  // namespace gasm
