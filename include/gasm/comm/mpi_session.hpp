// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "gasm/base/exit_code.hpp"
#include "gasm/comm/communicator.hpp"

namespace gasm {

/// MPI, from its start to an orderly end. One a process; made in main (see
/// run_guarded.hpp, which is how programs get one), before any thread.
///
/// The constructor sets these environment variables where they are not set,
/// because MPI and HDF5 read them at their start:
///   OMPI_MCA_fs_ufs_lock_algorithm=3  Open MPI before 4.1.7 writes parallel
///   OMPI_MCA_fcoll=dynamic_gen2       files wrongly without range locks, and
///                                     hangs in its default collective writer;
///   OMPI_MCA_btl_tcp_flags=send,inplace,need-ack,need-csum,hetero-rdma
///                                     its default without "put", by which
///                                     hosts that send each other much take
///                                     turns, at half the rate of the link:
///                                     leave to send waits behind data;
///   HDF5_USE_FILE_LOCKING=FALSE       network file systems without locks.
/// It starts MPI with MPI_THREAD_FUNNELED and tells the log who speaks.
///
/// The destructor does not end MPI: that waits for all ranks, and on an error
/// path they do not come. Only close() does.
class MpiSession {
 public:
  /// Collective. Throws Error if MPI cannot run one thread of several.
  MpiSession(int& argc, char**& argv);
  ~MpiSession();
  MpiSession(MpiSession const&) = delete;
  MpiSession& operator=(MpiSession const&) = delete;

  /// All ranks of the job.
  Communicator const& world() const { return world_; }

  /// Ends MPI in order; world() is self() afterwards. Collective.
  void close();

 private:
  Communicator world_;
};

/// Sets the variables that MpiSession lists, where they are not set.
void set_mpi_environment();

/// Ends all ranks of the job with `code` at once, from any rank; without MPI
/// running it ends this process. Does not return. Not collective. For
/// run_guarded alone.
[[noreturn]] void abort_job(ExitCode code);

}  // namespace gasm
