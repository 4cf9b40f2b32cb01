// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace gasm {

/// SynSth: a synthetic diagnostic in the file format of Something-Something V2
/// whose labels can only be told by binding appearance to motion over time.
/// It is no proxy for accuracy on real videos; say so beside every number.
///
/// s: 2 objects, 4 classes, 24 frames, 128x96. m: 3 objects, 12 classes, 36
/// frames, 128x96. l: 3 objects and tempo, 24 classes, 66 frames, 427x240.
/// xl: 4 objects and tempo, 96 classes, 86 frames, 427x240. All at 12 fps.
enum class SynthLevel { s, m, l, xl };

/// silhouette: white objects on black, the same motion, no texture.
enum class SynthView { rgb, silhouette };

/// full: order of textures x manner. motion: the same clips labelled by what
/// motion alone tells, order of slots (named from the left) x manner.
/// texture: crops around one object at rest, labelled by its texture.
enum class SynthTask { full, texture, motion };

/// Train, validation and test of the normal protocol use object set A, except
/// val_shape (set B). The swap protocol is a train/validation pair of its own:
/// swap_train shows the first half of the manners with A and the second half
/// with B, val_swap the other way round (halves: see manner_group, labels.hpp).
enum class SynthSplit { train, val_iid, test, val_shape, swap_train, val_swap };

/// What decides a set. A draw is one set of nuisances, rendered once for every
/// label ("orbit"), so classes are exactly balanced in every split.
struct SynthOptions {
  SynthLevel level = SynthLevel::s;
  SynthView view = SynthView::rgb;
  SynthTask task = SynthTask::full;
  std::uint64_t seed = 0;
  std::filesystem::path output = {};  ///< folder, made when missing

  int num_train_draws = 300;
  int num_val_draws = 150;  ///< of each validation split
  int num_test_draws = 25;
  /// Draws of swap_train; 0: neither swap_train nor val_swap is written.
  int num_swap_draws = 0;

  int crf = 32;           ///< VP9 constant quality, 0 best .. 63 worst
  bool lossless = false;  ///< exactly the rendered bytes, crf ignored

  /// Standard deviation of the sensor noise in grey levels; unset: drawn for
  /// each scene, uniform in 1..4.
  std::optional<double> noise_sigma = {};
  double size_scale = 1.0;       ///< of the objects' radius
  double excursion_scale = 1.0;  ///< of the way out and back
  double contrast = 1.0;         ///< of pattern on base, in (0, 1]
  /// Rest frames of each gap; unset: 2. Changes the length of the clip.
  std::optional<int> gap_frames = {};
  /// Fraction of the labels in train.json replaced by another, uniform one.
  double label_noise = 0.0;

  /// Robustness knobs. Either one is a clock that stamps every frame, so the
  /// bounds of bounds.hpp no longer hold (proves_bounds() is false).
  int num_distractors = 0;  ///< dots that drift over the scene
  int pan_px = 0;           ///< camera pan over the clip, to the right

  /// False when a knob voids the exact bounds.
  bool proves_bounds() const { return num_distractors == 0 && pan_px == 0; }
};

/// Throws a usage error that names the option and its range.
void check(SynthOptions const& options);

std::string to_string(SynthLevel level);  ///< "s" "m" "l" "xl"
std::string to_string(SynthView view);
std::string to_string(SynthTask task);
/// "train", "val-iid", "test", "val-shape", "swap-train", "val-swap".
std::string to_string(SynthSplit split);

/// From the names above, capitals allowed; a usage error for any other word.
SynthLevel parse_synth_level(std::string_view word);
SynthView parse_synth_view(std::string_view word);
SynthTask parse_synth_task(std::string_view word);

}  // namespace gasm
