// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gasm/base/build_info.hpp"
#include "gasm/base/result.hpp"

namespace gasm {

enum class RunState {
  running,
  done,
  stopped,  ///< checkpointed after a signal, wants to be started again
  failed,
};

/// The word of a state in files.
std::string to_string(RunState state);

/// What ran, where and on what: enough to run it again, or to say why it
/// cannot be compared. manifest.json in a run folder.
struct Manifest {
  BuildInfo build = build_info();
  std::map<std::string, std::string> libraries;  ///< name -> version
  std::string config_digest;
  std::map<std::string, std::string> data_hashes;  ///< path -> xxh64
  std::vector<std::string> argv;
  std::string host;
  int world_size = 1;
  int num_threads = 1;                      ///< of arithmetic, each rank
  std::optional<std::int64_t> total_steps;  ///< none: not known, or no training
  /// The checkpoint (a step folder) that this start went on from.
  std::optional<std::string> resumed_from = {};
  /// That of another run, which this one began with.
  std::optional<std::string> started_from = {};
  std::string start_time;               ///< UTC, as utc_timestamp()
  std::optional<std::string> end_time;  ///< while it runs: none
  RunState state = RunState::running;
  std::string message;  ///< why it failed or stopped, else empty
};

/// A manifest of this process: build, host and start time filled in.
Manifest make_manifest(std::vector<std::string> argv, int world_size);

/// Publishes manifest.json atomically.
Result<void> write_manifest(std::filesystem::path const& path,
                            Manifest const& manifest);
Result<Manifest> read_manifest(std::filesystem::path const& path);

}  // namespace gasm
