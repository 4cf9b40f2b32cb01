// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gasm/video/video_decoder.hpp"

namespace gasm {

class ClipStore;
class Communicator;

/// What decoding some frames of a clip tells.
struct ClipMeasure {
  std::string codec;  ///< "vp9"; empty if not known
  double fps = 0.0;   ///< 0: not known
  /// Mean luma of the frames, 0 to 255 (BT.601: .299 R + .587 G + .114 B).
  double brightness = 0.0;
  /// Mean absolute difference of luma between consecutive frames, over all
  /// pixels and pairs, in levels; none for a clip of one frame.
  std::optional<double> motion;
  /// Why there are no figures; then only codec and fps may be known.
  std::optional<std::string> error;

  bool operator==(ClipMeasure const&) const = default;
};

/// Measures clips of one store after the other, with one decoder.
class ClipMeter {
 public:
  /// `num_frames`: evenly spread frames that are looked at, of a shorter clip
  /// all of them. Each is shrunk to an eighth of its width and height first,
  /// so that noise and compression count little. Throws a usage error unless
  /// 2 <= num_frames <= 1024.
  explicit ClipMeter(int num_frames);

  /// A clip that cannot be read or decoded is a measure with an error.
  ClipMeasure measure(ClipStore const& store, std::int64_t clip);

 private:
  int num_frames_;
  VideoDecoder decoder_;
};

struct MeasureOptions {
  int num_frames = 16;
  /// Called before the first clip and after each with how many of this rank's
  /// share are done and how many there are; on the calling thread.
  std::function<void(std::int64_t done, std::int64_t total)> on_progress = {};
};

/// A clip of an open store.
struct ClipRef {
  ClipStore const* store = nullptr;
  std::int64_t clip = 0;
};

/// Measures clips, which may repeat and may come from several stores.
/// Collective: they are shared out over the ranks; the measures, in the order
/// of `clips` and equal on all ranks, do not depend on their number.
std::vector<ClipMeasure> measure_clips(Communicator const& comm,
                                       std::span<ClipRef const> clips,
                                       MeasureOptions const& options = {});

}  // namespace gasm
