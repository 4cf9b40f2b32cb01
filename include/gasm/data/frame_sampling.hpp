// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "gasm/base/rng.hpp"
#include "gasm/config/sampling_config.hpp"

namespace gasm {

/// The frames of a clip: T = num_wanted indices into a video of N = num_frames.
/// Ascending, and repeated where N < T. All throw Error if N < 1 or T < 1, are
/// pure functions of their arguments and draw nothing in evaluation.

enum class SampleMode { train, eval };

/// One of the clips that a test takes of a video.
struct TestClip {
  int index = 0;
  int num_clips = 1;
};

/// One frame from each of T equal segments, those of segment_borders
/// (video/clip_time.hpp, SlowFast's rule for SSv2). train draws it uniformly;
/// eval takes the middle, uniform_indices.
std::vector<int> segment_indices(int num_frames, int num_wanted,
                                 SampleMode mode, Rng& rng);

/// T different frames (if N >= T), every such set equally likely; else T drawn
/// with repetition.
std::vector<int> random_indices(int num_frames, int num_wanted, Rng& rng);

/// T frames `stride` apart; those beyond the last one are the last one. With
/// room = max(0, N - (T - 1) * stride - 1), train starts at a uniform place in
/// 0 .. room, a single test clip at room / 2, and clip c of C at
/// round(c * room / (C - 1)), halves to even, as MMAction2 does.
std::vector<int> dense_indices(int num_frames, int num_wanted, int stride,
                               Rng& rng);
std::vector<int> dense_test_indices(int num_frames, int num_wanted, int stride,
                                    TestClip clip);

/// Motion-guided (MGSampler, Zhi et al., ICCV 2021): with F(i) the cumulative
/// sum of the square roots of motion[0 .. i-1], scaled to F(N-1) = 1, the
/// frames whose F is nearest to (i + u) / T. motion[i] >= 0 is the movement
/// from frame i to i + 1 (data/motion_energy.hpp), N - 1 values. train draws u
/// in [0, 1) for each i. Clip c of C has u = (c + 1/2) / C. A video in which
/// nothing moves is sampled as segment.
std::vector<int> motion_indices(std::span<float const> motion, int num_wanted,
                                Rng& rng);
std::vector<int> motion_test_indices(std::span<float const> motion,
                                     int num_wanted, TestClip clip);

/// TSN's and TSM's training: i * d + randint(d) with d = N / T rounded down
/// (the last N - T d frames are never seen); frame 0, T times, if N < T.
std::vector<int> tsm_indices(int num_frames, int num_wanted, Rng& rng);

/// Their test: int(t / 2 + t i) with t = N / T. Clip 1 of two is that of
/// twice_sample, int(t i). At most two clips.
std::vector<int> tsm_test_indices(int num_frames, int num_wanted,
                                  TestClip clip);

/// VideoMAE's test with two clips, for any number C: all int(t i + t j / C)
/// with t = N / T, j < C, sorted; clip c takes every C-th one from c on.
std::vector<int> interleaved_indices(int num_frames, int num_wanted,
                                     TestClip clip);

/// The frames of one clip as the configuration asks. In training then moved by
/// time_jitter (and sorted again) and thinned by frame_drop. `shuffled` at last
/// permutes them, in evaluation as well: a control that takes the order of
/// time away. `clip` is for evaluation; several clips of segment, uniform and
/// random are interleaved. `motion` is needed for that kind alone.
std::vector<int> sample_frames(SamplingConfig const& config, int num_frames,
                               SampleMode mode, Rng& rng, TestClip clip = {},
                               std::span<float const> motion = {});

}  // namespace gasm
