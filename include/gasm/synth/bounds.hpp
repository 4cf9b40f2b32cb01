// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "gasm/synth/options.hpp"

namespace gasm {

struct ExactFraction {
  int numerator = 0;
  int denominator = 1;  ///< lowest terms

  double value() const { return static_cast<double>(numerator) / denominator; }
  /// E.g. "1/24 = 4.17 %".
  std::string text() const;
};

/// The best top-1 on task full that any function of a restricted view can
/// reach, before compression. The bounds bind views, not networks: an RGB
/// motion network sees texture and motion together and is bound by none.
///
/// - single_frame, at an unknown time: every state is shown for every label.
/// - bag_of_frames, unordered: the multiset of frames is the same for every
///   label (reordering), so 1 / classes.
/// - short_snippets, an unordered bag of windows of at most
///   max_snippet_frames: none touches two excursions; tempo only.
/// - motion_only (true masks, boxes, tracks, silhouettes): manner and order of
///   slots; textures are assigned to slots uniformly, so 1 / orders.
/// - additive_fusion, f(bag) + g(motion) for any f and g: split the cells
///   (assignment, slot order) by a transposition h into 2x2 blocks whose
///   diagonals carry labels y and h y; f and g cannot satisfy all four
///   inequalities of a block, so 3 of 4. Reached with 2 objects; with 3 the
///   best known is 23/36.
/// - all: binding of appearance to motion over time.
struct SynthBounds {
  ExactFraction single_frame;
  ExactFraction bag_of_frames;
  ExactFraction short_snippets;
  int max_snippet_frames = 0;
  ExactFraction motion_only;
  ExactFraction additive_fusion;
  ExactFraction all{1, 1};
};

/// Of the sets that `options` describe: level and gap_frames decide. Only true
/// where options.proves_bounds().
SynthBounds synth_bounds(SynthOptions const& options);

}  // namespace gasm
