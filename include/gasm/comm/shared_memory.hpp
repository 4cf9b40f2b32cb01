// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "gasm/base/large_memory.hpp"

namespace gasm {

class Communicator;

/// One block of memory that all ranks of a machine see: an MPI-3 shared
/// window. Only ranks that can share memory may be in `node`
/// (Communicator::node_local). A rank alone has plain memory.
///
/// The destructor does not communicate, so the window is released by close(),
/// or else at MPI_Finalize; the bytes must not be used after either.
class SharedMemory {
 public:
  SharedMemory();
  /// Collective over `node`; `num_bytes` is the same on all its ranks. The
  /// contents are undefined. Throws Error, on all of its ranks, if the machine
  /// has not that much shared memory to give.
  SharedMemory(Communicator const& node, std::size_t num_bytes);
  ~SharedMemory();
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;

  /// The same memory on every rank of the machine.
  std::span<std::byte> bytes() const { return bytes_; }

  /// Collective over `node`, the communicator of the constructor: what any
  /// rank wrote before is seen by all ranks after it.
  void sync(Communicator const& node) const;

  /// Collective. Releases the memory.
  void close();

 private:
  struct Window;
  std::unique_ptr<Window> window_;
  LargeMemory own_;
  std::span<std::byte> bytes_;
};

}  // namespace gasm
