// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace gasm {

/// The collective that this process entered last: what a watchdog names when
/// ranks no longer meet. Counted over all communicators of the process, so
/// ranks that are in step have equal sequence numbers.
struct LastCollective {
  char const* name = "none";
  std::uint64_t sequence = 0;  ///< 1 for the first
  std::uint64_t bytes = 0;     ///< this rank's share
  bool inside = false;         ///< entered and not left
  int bucket = -1;             ///< of gradients that it moves or waits for
};

/// A snapshot; from any thread. Its fields may come from two neighbouring
/// collectives if one begins meanwhile.
LastCollective last_collective();

/// What ranks can compare of a call.
struct CallShape {
  std::uint64_t bytes = 0;     ///< this rank's share
  char const* type = "bytes";  ///< of its numbers; a literal
  bool is_uniform = true;      ///< every rank has as many bytes
};

/// Enters a collective in the log, and in the flight recorder, for as long as
/// it lives. Every Communicator member does so itself; others who communicate
/// through a library (parallel HDF5) use one around each call. `name` must be
/// a literal. A tenth of a microsecond. One inside another belongs to the
/// outer one. By the thread that communicates.
class CollectiveScope {
 public:
  CollectiveScope(char const* name, CallShape shape);
  CollectiveScope(char const* name, std::uint64_t bytes)
      : CollectiveScope(name, CallShape{.bytes = bytes}) {}
  ~CollectiveScope();
  CollectiveScope(CollectiveScope const&) = delete;
  CollectiveScope& operator=(CollectiveScope const&) = delete;

 private:
  std::uint64_t ticket_ = 0;  ///< 0: inside another
};

/// The same for a wait that ranks may do more or less often: it is no call
/// that they compare, and not counted.
class WaitScope {
 public:
  explicit WaitScope(char const* name);
  ~WaitScope();
  WaitScope(WaitScope const&) = delete;
  WaitScope& operator=(WaitScope const&) = delete;

 private:
  std::int64_t begin_us_ = 0;
};

/// An exchange that was posted and goes on by itself: in the flight recorder
/// until it has ended. Ranks may post in different orders.
class PostedCall {
 public:
  /// `name`: a literal. `bucket`: -1 where it moves no bucket.
  void begin(char const* name, CallShape shape, int bucket);
  void end();

 private:
  std::uint64_t ticket_ = 0;
};

/// The bucket that what follows moves or waits for, in the log and in the
/// flight recorder; -1: none.
void note_bucket(int bucket);

/// Seconds that this process has spent inside collectives and waits.
double seconds_in_collectives();

/// A hash of all calls since the last time: equal on ranks that called the
/// same, in the same order. By the thread that communicates.
std::uint64_t take_call_digest();

}  // namespace gasm
