// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "gasm/archive/tar_reader.hpp"
#include "gasm/data/fetch_check.hpp"
#include "gasm/data/video_spool.hpp"

namespace gasm {

/// "3 members are empty: a, b, c": things of one kind, the first named.
class Findings {
 public:
  void add(std::string const& kind, std::string const& name);
  /// A sentence for each kind.
  std::vector<std::string> sentences() const;

 private:
  struct Kind {
    std::int64_t count = 0;
    std::vector<std::string> first_names;
  };
  std::map<std::string, Kind> kinds_;
};

/// Looks at the members of a tar archive one after the other, and copies the
/// videos into a spool if there is one.
class VideoUnpacker {
 public:
  VideoUnpacker(FetchOptions const& options, FetchReport& report)
      : options_(options), report_(report) {}

  /// Creates the spool or goes on with it. Throws.
  void open_spool(std::filesystem::path const& path);
  /// Takes the member that the reader is at. A failure is the archive's
  /// fault; what else goes wrong is thrown.
  Result<void> take(TarMember const& member, TarReader& reader);
  /// The archive is whole and all members were taken. Throws.
  void finish();
  /// Writes what was found into the report.
  void report_findings();

 private:
  void look_at(std::string const& name, std::span<std::byte const> bytes);
  void copy(std::string const& name, std::span<std::byte const> bytes);
  void go_on_from(std::size_t i, char const* why);

  FetchOptions const& options_;
  FetchReport& report_;
  std::optional<SpoolWriter> spool_;
  bool was_complete_ = false;
  std::size_t num_videos_ = 0;
  std::int64_t num_members_ = 0;
  std::unordered_set<std::string> ids_;
  Findings problems_;
  Findings notes_;
};

}  // namespace gasm
