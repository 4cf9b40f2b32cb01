// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/native.hpp"

#include <string>
#include <utility>

#include "gasm/base/error.hpp"
#include "native_access.hpp"

namespace gasm {
namespace {

std::size_t the_max_message_bytes = std::size_t(1) << 30;

}  // namespace

Communicator NativeAccess::adopt(MPI_Comm owned) {
  Communicator made;
  check_mpi(MPI_Comm_set_errhandler(owned, MPI_ERRORS_RETURN), "error handler");
  check_mpi(MPI_Comm_rank(owned, &made.rank_), "rank");
  check_mpi(MPI_Comm_size(owned, &made.size_), "size");
  made.native_ =
      std::make_unique<Communicator::Native>(Communicator::Native{owned});
  return made;
}

MPI_Comm native_handle(Communicator const& comm) {
  auto const* native = NativeAccess::native(comm);
  return native ? native->comm : MPI_COMM_SELF;
}

Communicator adopt_native(MPI_Comm owned) { return NativeAccess::adopt(owned); }

void check_mpi(int code, char const* what) {
  if (code == MPI_SUCCESS) return;
  std::string text(MPI_MAX_ERROR_STRING, '\0');
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  text.resize(static_cast<std::size_t>(length));
  throw error("MPI failed in {} ({})", what, text);
}

std::size_t max_message_bytes() { return the_max_message_bytes; }

void set_max_message_bytes(std::size_t max_bytes) {
  the_max_message_bytes = max_bytes;
}

}  // namespace gasm
