// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace gasm {

/// One call of the flight recorder, which keeps the last 1,000 of a process.
struct FlightCall {
  /// Of a collective, as LastCollective counts; of a posted exchange, that of
  /// the last collective before it.
  std::uint64_t sequence = 0;
  std::string kind;
  std::uint64_t bytes = 0;
  std::string type;
  bool is_uniform = true;  ///< all ranks have as many bytes
  bool is_posted = false;
  int bucket = -1;  ///< -1: none
  std::string phase;
  double begin_s = 0.0;  ///< Unix time
  double end_s = 0.0;    ///< 0: it has not ended
};

/// What a flight file holds (docs/formats.md).
struct Flight {
  int rank = -1;
  std::string host;
  std::int64_t pid = 0;
  std::string reason;
  std::string phase;
  std::vector<FlightCall> calls;  ///< oldest first
};

/// Where write_flight_file writes from now on; an empty path: nowhere.
/// Not collective, like all of these.
void set_flight_file(std::filesystem::path const& path, int rank);

/// Writes what the recorder holds, unless it was written before: the first
/// failure counts. `reason`: plain letters. Takes no memory and no lock, and
/// is safe in signal handlers. False if it could not be written.
bool write_flight_file(char const* reason);

/// Calls of this process, oldest first.
std::vector<FlightCall> recent_calls();

/// nullopt: there is none, or it is no flight file.
std::optional<Flight> read_flight_file(std::filesystem::path const& path);

/// A flight file's name beside the others of a job: flight-rank-R.json.
std::filesystem::path flight_path(std::filesystem::path const& folder,
                                  int rank);

}  // namespace gasm
