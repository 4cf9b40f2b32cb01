// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gasm/base/result.hpp"

namespace gasm::record_detail {

/// A program in a session of its own, with no open file of ours, our signal
/// handlers undone, and without the variables by which MPI knows its ranks.
/// Started by posix_spawn: a fork would copy memory that MPI has registered.
class DetachedProcess {
 public:
  struct End {
    int code = 0;
    bool is_killed = false;  ///< by SIGKILL
  };

  /// `words[0]` is looked up in the path; what it prints is appended to `log`.
  static Result<DetachedProcess> start(
      std::vector<std::string> words,
      std::vector<std::pair<std::string, std::string>> const& variables,
      std::filesystem::path const& log);

  /// How it ended; none while it runs. Not again after that.
  std::optional<End> poll() const;

 private:
  explicit DetachedProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

}  // namespace gasm::record_detail
