// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gasm/comm/communicator.hpp"
#include "gasm/comm/shared_memory.hpp"

namespace gasm {

/// Hands out work to the ranks of one machine: 0, 1, 2, ..., each number to
/// one of them, to whoever asks first. A rank on a slower core gets less.
class WorkCounter {
 public:
  /// Collective over `node` (Communicator::node_local), which must outlive it.
  explicit WorkCounter(Communicator const& node);

  /// The next number. Thread-safe; not collective.
  std::int64_t next();
  /// From now on next() gives numbers beyond any work, to all ranks.
  void stop();

  /// Collective. Releases the shared memory.
  void close() { memory_.close(); }

 private:
  SharedMemory memory_;
};

}  // namespace gasm
