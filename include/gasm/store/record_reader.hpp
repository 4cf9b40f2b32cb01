// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "gasm/base/result.hpp"
#include "gasm/store/record_file.hpp"

namespace gasm {

class Communicator;

/// Where a loader's bytes come from: one implementation a store mode.
class RecordReader {
 public:
  virtual ~RecordReader() = default;

  /// The bytes of a record, checked. Thread-safe; may wait for them. Fails,
  /// naming path and sample, if they cannot be read or were changed.
  virtual Result<RecordBytes> read(std::int64_t record) = 0;

  /// The same, copied: part p to into[p], which has its size (asserted).
  virtual Result<void> read_into(std::int64_t record, RecordPlaces const& into);

  /// Told by the trainer before the step's first micro-batch is asked for, at
  /// every step, in order. Collective.
  virtual void begin_step(std::int64_t) {}

  /// Releases what is shared with other ranks. Collective.
  virtual void close() {}
};

/// direct: each record is read when it is needed, with pread. `file` must
/// outlive it. Not collective.
std::unique_ptr<RecordReader> make_direct_reader(RecordFile const& file);

/// resident: one copy of all records in the memory of each machine, shared by
/// its ranks and filled by all of them with large reads. Collective over
/// `world`. Every record is checked; one that was changed fails when it is
/// asked for. Throws the same Error on all ranks if the file cannot be read or
/// a machine has not enough memory. `file` must outlive it.
std::unique_ptr<RecordReader> make_resident_reader(Communicator const& world,
                                                   RecordFile const& file);

}  // namespace gasm
