// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gasm/comm/communicator.hpp"
#include "gasm/comm/stage.hpp"
#include "gasm/config/watch_config.hpp"

namespace gasm {

/// Where a rank's own time goes in a step.
enum class StepPart { data, forward, backward, optimizer };
inline constexpr std::size_t kNumStepParts = 4;
char const* name_of(StepPart part);

/// What one rank has spent since the last line of the curve, without waiting
/// for other ranks.
struct OwnTimes {
  std::array<double, kNumStepParts> seconds = {};
  double num_clips = 0.0;  ///< that it computed

  double total_s() const;
  /// Own seconds a clip; nullopt where it had none.
  std::optional<double> per_clip_s() const;
};

/// A part of a step, for as long as it lives: a Stage, whose time counts
/// unless it was spent in collectives and waits.
class PartScope {
 public:
  PartScope(OwnTimes& times, StepPart part);
  ~PartScope();
  PartScope(PartScope const&) = delete;
  PartScope& operator=(PartScope const&) = delete;

 private:
  Stage stage_;
  OwnTimes& times_;
  StepPart part_;
  double begin_s_;
  double waited_s_;
};

/// The rank that is slowest by its own time a clip.
struct Skew {
  int rank = 0;
  double factor = 1.0;  ///< its time by that of the median rank (of an even
                        ///< number, the lower of the two)
  StepPart part = StepPart::data;  ///< in which it lost most of that
  double own_ms = 0.0;             ///< a clip
  double median_ms = 0.0;
};

/// nullopt with fewer than two ranks that had clips. Not collective.
std::optional<Skew> find_skew(std::vector<OwnTimes> const& by_rank);

/// Finds the rank that is slow line after line, and names it once until it
/// was not slow for a line.
class SkewWatch {
 public:
  explicit SkewWatch(WatchConfig const& config) : config_(config) {}

  /// At a line of the curve. Collective.
  std::optional<Skew> look(Communicator const& world, OwnTimes const& mine);
  /// After it: what to warn of, the same on all ranks; "" if nothing.
  /// Collective if a rank is named.
  std::string warning(Communicator const& world);

 private:
  /// Takes the next line's slowest rank; true where it is to be named.
  bool count(std::optional<Skew> const& skew);

  WatchConfig config_;
  std::optional<Skew> last_;
  int slow_rank_ = -1;
  int num_lines_ = 0;
};

}  // namespace gasm
