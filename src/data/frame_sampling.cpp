// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/frame_sampling.hpp"

#include <algorithm>
#include <cmath>

#include "gasm/base/error.hpp"
#include "gasm/video/clip_time.hpp"

namespace gasm {
namespace {

void check_counts(int num_frames, int num_wanted) {
  if (num_frames < 1 || num_wanted < 1)
    throw error("cannot choose {} of {} frames (both must be at least 1)",
                num_wanted, num_frames);
}

int num_frames_of(std::span<float const> motion) {
  return static_cast<int>(motion.size()) + 1;
}

std::vector<int> room_for(int num) {
  std::vector<int> indices;
  indices.reserve(static_cast<std::size_t>(num));
  return indices;
}

// Halves to the even neighbour, as numpy rounds.
int divide_to_nearest(int a, int b) {
  int const whole = a / b;
  int const twice_rest = 2 * (a % b);
  bool const goes_up = twice_rest > b || (twice_rest == b && whole % 2 == 1);
  return goes_up ? whole + 1 : whole;
}

int dense_room(int num_frames, int num_wanted, int stride) {
  check_counts(num_frames, num_wanted);
  GASM_ASSERT(stride >= 1);
  return std::max(0, num_frames - (num_wanted - 1) * stride - 1);
}

std::vector<int> dense_from(int start, int num_frames, int num_wanted,
                            int stride) {
  auto indices = room_for(num_wanted);
  for (int i = 0; i < num_wanted; ++i)
    indices.push_back(std::min(start + i * stride, num_frames - 1));
  return indices;
}

// F(0) = 0 .. F(N - 1) = 1; empty if nothing moves.
std::vector<double> motion_curve(std::span<float const> motion) {
  std::vector<double> curve{0.0};
  for (float const energy : motion)
    curve.push_back(curve.back() + std::sqrt(static_cast<double>(energy)));
  double const total = curve.back();
  if (!(total > 0.0)) return {};
  for (double& value : curve) value /= total;
  return curve;
}

// The first of the frames whose F is nearest.
int nearest_frame(std::vector<double> const& curve, double wanted) {
  auto const above = std::lower_bound(curve.begin(), curve.end(), wanted);
  auto best = above == curve.end() ? above - 1 : above;
  if (best != curve.begin() && wanted - *(best - 1) <= *best - wanted) --best;
  return static_cast<int>(std::lower_bound(curve.begin(), curve.end(), *best) -
                          curve.begin());
}

void jitter_time(std::vector<int>& indices, int most, int num_frames,
                 Rng& rng) {
  for (int& index : indices)
    index = std::clamp(index + static_cast<int>(rng.between(-most, most)), 0,
                       num_frames - 1);
  std::sort(indices.begin(), indices.end());
}

void drop_frames(std::vector<int>& indices, double share, Rng& rng) {
  for (std::size_t i = 1; i < indices.size(); ++i)
    if (rng.chance(share)) indices[i] = indices[i - 1];
}

std::vector<int> training_indices(SamplingConfig const& config, int num_frames,
                                  Rng& rng, std::span<float const> motion) {
  switch (config.kind) {
    case SamplingKind::uniform:
      return uniform_indices(num_frames, config.frames);
    case SamplingKind::random:
      return random_indices(num_frames, config.frames, rng);
    case SamplingKind::dense:
      return dense_indices(num_frames, config.frames, config.stride, rng);
    case SamplingKind::motion:
      return motion_indices(motion, config.frames, rng);
    case SamplingKind::tsm:
      return tsm_indices(num_frames, config.frames, rng);
    case SamplingKind::segment:
      break;
  }
  return segment_indices(num_frames, config.frames, SampleMode::train, rng);
}

std::vector<int> test_indices(SamplingConfig const& config, int num_frames,
                              TestClip clip, std::span<float const> motion) {
  switch (config.kind) {
    case SamplingKind::dense:
      return dense_test_indices(num_frames, config.frames, config.stride, clip);
    case SamplingKind::motion:
      return motion_test_indices(motion, config.frames, clip);
    case SamplingKind::tsm:
      return tsm_test_indices(num_frames, config.frames, clip);
    default:
      break;
  }
  return clip.num_clips == 1
             ? uniform_indices(num_frames, config.frames)
             : interleaved_indices(num_frames, config.frames, clip);
}

}  // namespace

std::vector<int> segment_indices(int num_frames, int num_wanted,
                                 SampleMode mode, Rng& rng) {
  if (mode == SampleMode::eval) return uniform_indices(num_frames, num_wanted);
  auto indices = segment_borders(num_frames, num_wanted);
  for (std::size_t i = 0; i + 1 < indices.size(); ++i)
    indices[i] = static_cast<int>(rng.between(indices[i], indices[i + 1]));
  indices.pop_back();
  return indices;
}

std::vector<int> random_indices(int num_frames, int num_wanted, Rng& rng) {
  check_counts(num_frames, num_wanted);
  std::vector<int> indices;
  if (num_frames < num_wanted) {
    for (int i = 0; i < num_wanted; ++i)
      indices.push_back(static_cast<int>(rng.below(num_frames)));
    std::sort(indices.begin(), indices.end());
    return indices;
  }
  // Selection sampling (Knuth, volume 2, algorithm S).
  for (int frame = 0; static_cast<int>(indices.size()) < num_wanted; ++frame) {
    auto const num_lacking = num_wanted - static_cast<int>(indices.size());
    if (rng.below(num_frames - frame) < num_lacking) indices.push_back(frame);
  }
  return indices;
}

std::vector<int> dense_indices(int num_frames, int num_wanted, int stride,
                               Rng& rng) {
  int const room = dense_room(num_frames, num_wanted, stride);
  return dense_from(static_cast<int>(rng.between(0, room)), num_frames,
                    num_wanted, stride);
}

std::vector<int> dense_test_indices(int num_frames, int num_wanted, int stride,
                                    TestClip clip) {
  int const room = dense_room(num_frames, num_wanted, stride);
  int const start = clip.num_clips == 1 ? room / 2
                                        : divide_to_nearest(clip.index * room,
                                                            clip.num_clips - 1);
  return dense_from(start, num_frames, num_wanted, stride);
}

std::vector<int> motion_indices(std::span<float const> motion, int num_wanted,
                                Rng& rng) {
  check_counts(num_frames_of(motion), num_wanted);
  auto const curve = motion_curve(motion);
  if (curve.empty())
    return segment_indices(num_frames_of(motion), num_wanted, SampleMode::train,
                           rng);
  auto indices = room_for(num_wanted);
  for (int i = 0; i < num_wanted; ++i)
    indices.push_back(nearest_frame(curve, (i + rng.uniform()) / num_wanted));
  return indices;
}

std::vector<int> motion_test_indices(std::span<float const> motion,
                                     int num_wanted, TestClip clip) {
  int const num_frames = num_frames_of(motion);
  check_counts(num_frames, num_wanted);
  auto const curve = motion_curve(motion);
  if (curve.empty())
    return clip.num_clips == 1
               ? uniform_indices(num_frames, num_wanted)
               : interleaved_indices(num_frames, num_wanted, clip);
  double const within = (clip.index + 0.5) / clip.num_clips;
  auto indices = room_for(num_wanted);
  for (int i = 0; i < num_wanted; ++i)
    indices.push_back(nearest_frame(curve, (i + within) / num_wanted));
  return indices;
}

std::vector<int> tsm_indices(int num_frames, int num_wanted, Rng& rng) {
  check_counts(num_frames, num_wanted);
  int const length = num_frames / num_wanted;
  std::vector<int> indices(static_cast<std::size_t>(num_wanted), 0);
  if (length == 0) return indices;
  for (int i = 0; i < num_wanted; ++i)
    indices[static_cast<std::size_t>(i)] =
        i * length + static_cast<int>(rng.below(length));
  return indices;
}

std::vector<int> tsm_test_indices(int num_frames, int num_wanted,
                                  TestClip clip) {
  check_counts(num_frames, num_wanted);
  GASM_ASSERT(clip.num_clips <= 2 && clip.index < clip.num_clips);
  double const tick = static_cast<double>(num_frames) / num_wanted;
  double const first = clip.index == 0 ? tick / 2.0 : 0.0;
  auto indices = room_for(num_wanted);
  for (int i = 0; i < num_wanted; ++i)
    indices.push_back(static_cast<int>(first + tick * i));
  return indices;
}

std::vector<int> interleaved_indices(int num_frames, int num_wanted,
                                     TestClip clip) {
  check_counts(num_frames, num_wanted);
  GASM_ASSERT(0 <= clip.index && clip.index < clip.num_clips);
  double const tick = static_cast<double>(num_frames) / num_wanted;
  auto all = room_for(clip.num_clips * num_wanted);
  for (int j = 0; j < clip.num_clips; ++j)
    for (int i = 0; i < num_wanted; ++i)
      all.push_back(static_cast<int>(tick * j / clip.num_clips + tick * i));
  std::sort(all.begin(), all.end());
  std::vector<int> indices;
  auto const step = static_cast<std::size_t>(clip.num_clips);
  for (auto at = static_cast<std::size_t>(clip.index); at < all.size();
       at += step)
    indices.push_back(all[at]);
  return indices;
}

std::vector<int> sample_frames(SamplingConfig const& config, int num_frames,
                               SampleMode mode, Rng& rng, TestClip clip,
                               std::span<float const> motion) {
  GASM_ASSERT(config.kind != SamplingKind::motion ||
              num_frames_of(motion) == num_frames);
  auto indices = mode == SampleMode::train
                     ? training_indices(config, num_frames, rng, motion)
                     : test_indices(config, num_frames, clip, motion);
  if (mode == SampleMode::train && config.time_jitter > 0)
    jitter_time(indices, config.time_jitter, num_frames, rng);
  if (mode == SampleMode::train && config.frame_drop > 0.0)
    drop_frames(indices, config.frame_drop, rng);
  if (config.order == FrameOrder::shuffled)
    rng.shuffle(std::span<int>(indices));
  return indices;
}

}  // namespace gasm
