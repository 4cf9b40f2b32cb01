// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/shared_memory.hpp"

#include <mpi.h>
#include <sys/statvfs.h>

#include <new>
#include <optional>

#include "gasm/base/error.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/comm/native.hpp"

namespace gasm {
namespace {

double gb(std::size_t num_bytes) {
  return static_cast<double>(num_bytes) * 1e-9;
}

/// MPI makes the window a sparse file there; a write beyond what is free
/// would kill the process.
void check_free(std::size_t num_bytes) {
  constexpr char const* folder = "/dev/shm";
  struct statvfs info {};
  if (::statvfs(folder, &info) != 0) return;
  auto const free_bytes = static_cast<std::size_t>(info.f_bavail) *
                          static_cast<std::size_t>(info.f_frsize);
  if (num_bytes > free_bytes)
    throw error(
        "cannot share {:.2f} GB between the ranks of a machine ({} has "
        "{:.2f} GB free). Try a larger {}, or data.store: exchange or direct",
        gb(num_bytes), folder, gb(free_bytes), folder);
}

}  // namespace

struct SharedMemory::Window {
  MPI_Win handle = MPI_WIN_NULL;
};

SharedMemory::SharedMemory() = default;
SharedMemory::~SharedMemory() = default;
SharedMemory::SharedMemory(SharedMemory&& other) noexcept = default;
SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept = default;

SharedMemory::SharedMemory(Communicator const& node, std::size_t num_bytes) {
  if (node.size() == 1) {
    try {
      own_ = allocate_large(num_bytes);
    } catch (std::bad_alloc const&) {
      throw error(
          "cannot hold {:.2f} GB in memory. Try data.store: exchange or direct",
          gb(num_bytes));
    }
    bytes_ = {own_.get(), num_bytes};
    return;
  }
  agree_call(node, [&] { check_free(num_bytes); });
  CollectiveScope scope("shared_memory",
                        {.bytes = num_bytes, .is_uniform = false});
  window_ = std::make_unique<Window>();
  // All of it at one rank, so that it is one piece.
  auto const own_bytes = static_cast<MPI_Aint>(node.is_root() ? num_bytes : 0);
  void* start = nullptr;
  check_mpi(
      MPI_Win_allocate_shared(own_bytes, 1, MPI_INFO_NULL, native_handle(node),
                              &start, &window_->handle),
      "shared memory");
  MPI_Aint size = 0;
  int unit = 0;
  check_mpi(MPI_Win_shared_query(window_->handle, 0, &size, &unit, &start),
            "shared memory");
  bytes_ = {static_cast<std::byte*>(start), num_bytes};
}

void SharedMemory::sync(Communicator const& node) const {
  if (!window_) return;
  CollectiveScope scope("shared_memory", 0);
  check_mpi(MPI_Win_lock_all(MPI_MODE_NOCHECK, window_->handle),
            "shared memory");
  check_mpi(MPI_Win_sync(window_->handle), "shared memory");
  node.barrier();
  check_mpi(MPI_Win_sync(window_->handle), "shared memory");
  check_mpi(MPI_Win_unlock_all(window_->handle), "shared memory");
}

void SharedMemory::close() {
  if (window_) {
    CollectiveScope scope("shared_memory", 0);
    check_mpi(MPI_Win_free(&window_->handle), "shared memory");
  }
  *this = SharedMemory();
}

}  // namespace gasm
