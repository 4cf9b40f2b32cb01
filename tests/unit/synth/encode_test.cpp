// SPDX-License-Identifier: Apache-2.0
// What survives the encoder: sizes, frames, exact bytes where lossless, and
// no drift of quality with time, which would stamp the frames.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <numeric>

#include "gasm/base/clock.hpp"
#include "gasm/base/error.hpp"
#include "gasm/synth/render.hpp"
#include "gasm/synth/write.hpp"
#include "gasm/video/video_decoder.hpp"
#include "gasm/video/video_encoder.hpp"

namespace gasm {
namespace {

FrameBlock decode_all(std::vector<std::byte> const& file, int num_frames) {
  std::vector<int> indices(static_cast<std::size_t>(num_frames));
  std::iota(indices.begin(), indices.end(), 0);
  VideoDecoder decoder;
  return value_or_throw(
      decoder.decode(std::span<std::byte const>(file), indices));
}

double psnr_db(std::span<std::uint8_t const> a,
               std::span<std::uint8_t const> b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    squares += (a[i] - b[i]) * (a[i] - b[i]);
  return 10 *
         std::log10(255.0 * 255.0 * static_cast<double>(a.size()) / squares);
}

std::vector<double> psnr_by_frame(std::vector<std::uint8_t> const& clip,
                                  LevelSpec const& spec, int crf) {
  auto const file = value_or_throw(encode_vp9_webm(
      clip, spec.width_px, spec.height_px, {.fps = 12.0, .crf = crf}));
  auto const frame_bytes =
      static_cast<std::size_t>(3 * spec.width_px * spec.height_px);
  auto const num_frames = static_cast<int>(clip.size() / frame_bytes);
  auto const decoded = decode_all(file, num_frames);
  std::vector<double> psnr;
  for (int t = 0; t < num_frames; ++t)
    psnr.push_back(
        psnr_db(std::span(clip).subspan(
                    static_cast<std::size_t>(t) * frame_bytes, frame_bytes),
                decoded.frame(t)));
  return psnr;
}

double mean(std::vector<double> const& values, std::size_t from,
            std::size_t to) {
  return std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(from),
                         values.begin() + static_cast<std::ptrdiff_t>(to),
                         0.0) /
         static_cast<double>(to - from);
}

TEST(Encode, LosslessDecodesToTheRenderedBytes) {
  SynthOptions const options{.num_train_draws = 1, .lossless = true};
  auto const clip = plan_synth(options).front();
  auto const pixels = render_clip(options, clip);
  auto const file = value_or_throw(encode_vp9_webm(
      pixels, 128, 96, {.fps = 12.0, .fidelity = Fidelity::lossless}));
  auto const decoded = decode_all(file, 24);
  EXPECT_EQ(decoded.num_missing, 0);
  EXPECT_EQ(decoded.rgb, pixels);
}

TEST(Encode, OneStaticSceneKeepsItsQualityOverTime) {
  // Rate control would let quality climb and tell a frame's time.
  for (int draw = 0; draw < 3; ++draw) {
    Scene const scene = draw_scene({}, SynthSplit::train, draw, ObjectSet::a);
    auto const states = render_states(scene, SynthView::rgb);
    std::vector<int> const rest(48, 0);
    auto const psnr =
        psnr_by_frame(assemble_clip(states, rest), scene.spec, 32);
    double const early = mean(psnr, 1, 16);
    double const late = mean(psnr, 32, 48);
    std::cout << "static scene: frame 0 " << psnr[0] << " dB, early " << early
              << ", late " << late << ", last " << psnr.back() << "\n";
    EXPECT_GT(early, 25);
    EXPECT_NEAR(late, early, 0.3);
  }
}

TEST(Encode, QualityOfMovingClips) {
  SynthOptions const options{.num_train_draws = 5};
  LevelSpec const spec = level_spec(options);
  double sum = 0;
  auto const clips = plan_synth(options);
  for (int i = 0; i < 20; i += 4) {
    auto const pixels =
        render_clip(options, clips[static_cast<std::size_t>(i)]);
    auto const psnr = psnr_by_frame(pixels, spec, options.crf);
    sum += mean(psnr, 0, psnr.size());
  }
  std::cout << "moving clips: mean " << sum / 5 << " dB\n";
  EXPECT_GT(sum / 5, 27);
}

TEST(Encode, ClipsPerSecondAtLevelS) {
  SynthOptions const options{.num_train_draws = 10};
  LevelSpec const spec = level_spec(options);
  SynthLabels const labels(options.level, options.task);
  double const start = thread_cpu_s();
  double render_s = 0;
  std::size_t bytes = 0;
  for (int draw = 0; draw < 10; ++draw) {
    double const before = thread_cpu_s();
    Scene const scene =
        draw_scene(options, SynthSplit::train, draw, ObjectSet::a);
    auto const states = render_states(scene, options.view);
    render_s += thread_cpu_s() - before;
    for (int id = 0; id < labels.size(); ++id)
      bytes += value_or_throw(
                   encode_vp9_webm(
                       assemble_clip(states,
                                     state_sequence(scene, labels.event(id))),
                       spec.width_px, spec.height_px, {.fps = 12.0}))
                   .size();
  }
  double const total_s = thread_cpu_s() - start;
  std::cout << "level S: " << 40 / total_s << " clips a CPU second, rendering "
            << 100 * render_s / total_s << " % of it, "
            << static_cast<double>(bytes) / 40 << " bytes a clip\n";
  EXPECT_LT(total_s, 20);
}

TEST(Encode, TextureCropsAndLargeLevelsHaveTheirSizes) {
  SynthOptions options{.task = SynthTask::texture, .num_train_draws = 1};
  LevelSpec const spec = level_spec(options);
  auto const crops = render_clip(options, plan_synth(options).front());
  auto const file = value_or_throw(
      encode_vp9_webm(crops, spec.crop_px, spec.crop_px, {.fps = 12.0}));
  auto const decoded = decode_all(file, spec.num_crop_frames);
  EXPECT_EQ(decoded.width, 48);
  EXPECT_EQ(decoded.height, 48);
  EXPECT_EQ(decoded.num_missing, 0);
  options = {.level = SynthLevel::l, .num_train_draws = 1};
  auto const large = render_clip(options, plan_synth(options).front());
  EXPECT_EQ(large.size(), 66U * 427U * 240U * 3U);
}

}  // namespace
}  // namespace gasm
