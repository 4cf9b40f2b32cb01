// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/mpi_session.hpp"

#include <mpi.h>
#include <stdlib.h>
#include <unistd.h>

#include "gasm/base/error.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/native.hpp"

namespace gasm {
namespace {

bool is_mpi_running() {
  int started = 0;
  int ended = 0;
  MPI_Initialized(&started);
  MPI_Finalized(&ended);
  return started != 0 && ended == 0;
}

}  // namespace

void set_mpi_environment() {
  setenv("OMPI_MCA_fs_ufs_lock_algorithm", "3", 0);
  setenv("OMPI_MCA_fcoll", "dynamic_gen2", 0);
  setenv("OMPI_MCA_btl_tcp_flags",
         "send,inplace,need-ack,need-csum,hetero-rdma", 0);
  setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
}

MpiSession::MpiSession(int& argc, char**& argv) {
  set_mpi_environment();
  int provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided),
            "MPI_Init_thread");
  if (provided < MPI_THREAD_FUNNELED)
    throw error(
        "this MPI library allows no threads beside the one that calls it "
        "(MPI_THREAD_FUNNELED). Try one built with thread support");
  CollectiveScope scope("start", 0);
  MPI_Comm copy = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &copy), "MPI_Comm_dup");
  world_ = adopt_native(copy);
  set_log_rank(world_.rank(), world_.size());
}

MpiSession::~MpiSession() = default;

void MpiSession::close() {
  if (!is_mpi_running()) return;
  world_.close();
  CollectiveScope scope("end", 0);
  check_mpi(MPI_Finalize(), "MPI_Finalize");
}

void abort_job(ExitCode code) {
  if (is_mpi_running()) MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
  _exit(static_cast<int>(code));
}

}  // namespace gasm
