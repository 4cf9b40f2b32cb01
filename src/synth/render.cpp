// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/render.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "gasm/base/error.hpp"
#include "gasm/base/rng.hpp"

namespace gasm {
namespace {

constexpr int kSubsamples = 3;  // per pixel and axis
constexpr double kClutterAmplitude = 6;
constexpr Rgb kWhite{255, 255, 255};

/// A picture in the making: [height * width * 3], 0..255.
struct Canvas {
  int width = 0;
  int height = 0;
  std::vector<float> rgb;

  float* pixel(int x, int y) {
    return rgb.data() +
           3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                static_cast<std::size_t>(x));
  }
};

/// An object's picture with its coverage, [side * side], centre in the middle.
struct Sprite {
  int half = 0;
  std::vector<float> alpha;
  std::vector<float> rgb;

  int side() const { return 2 * half + 1; }
};

Canvas blank_canvas(LevelSpec const& spec) {
  Canvas canvas{spec.width_px, spec.height_px, {}};
  canvas.rgb.assign(static_cast<std::size_t>(3 * spec.width_px) *
                        static_cast<std::size_t>(spec.height_px),
                    0.0F);
  return canvas;
}

/// The coarse noise grid at fractional (row, column).
double clutter_at(Scene const& scene, double row, double column) {
  auto const r = std::min(static_cast<int>(row), kClutterRows - 2);
  auto const c = std::min(static_cast<int>(column), kClutterColumns - 2);
  double const fr = row - r;
  double const fc = column - c;
  auto const at = [&](int i, int j) {
    return scene.clutter[static_cast<std::size_t>(i * kClutterColumns + j)];
  };
  return (at(r, c) * (1 - fc) + at(r, c + 1) * fc) * (1 - fr) +
         (at(r + 1, c) * (1 - fc) + at(r + 1, c + 1) * fc) * fr;
}

/// A gradient between two colours plus low-frequency noise.
Canvas paint_background(Scene const& scene) {
  Canvas canvas = blank_canvas(scene.spec);
  double const across = std::cos(scene.gradient_angle);
  double const down = std::sin(scene.gradient_angle);
  auto const& [from, to] = scene.background;
  for (int y = 0; y < canvas.height; ++y) {
    double const v = (y + 0.5) / canvas.height;
    for (int x = 0; x < canvas.width; ++x) {
      double const u = (x + 0.5) / canvas.width;
      double const mix =
          std::clamp((u - 0.5) * across + (v - 0.5) * down + 0.5, 0.0, 1.0);
      double const noise =
          kClutterAmplitude *
          clutter_at(scene, v * (kClutterRows - 1), u * (kClutterColumns - 1));
      float* out = canvas.pixel(x, y);
      for (std::size_t c = 0; c < 3; ++c)
        out[c] = static_cast<float>(from[c] + mix * (to[c] - from[c]) + noise);
    }
  }
  return canvas;
}

/// Position within a period, in [0, 1).
double wrapped(double periods) { return periods - std::floor(periods); }

/// True where the pattern's colour shows at (x, y) px from the centre.
bool is_pattern(Texture texture, SceneObject const& object, double x,
                double y) {
  double const u = (x * std::cos(object.angle) + y * std::sin(object.angle)) /
                   object.period_px;
  double const v = (-x * std::sin(object.angle) + y * std::cos(object.angle)) /
                   object.period_px;
  auto const& [pu, pv] = object.phase;
  switch (texture) {
    case Texture::striped:
      return wrapped(u + pu) < 0.5;
    case Texture::dotted:
      // Half the range of phases: some dot is always near the centre, else
      // small shapes would now and then show none and look plain.
      return std::hypot(wrapped(u + pu / 2 + 0.25) - 0.5,
                        wrapped(v + pv / 2 + 0.25) - 0.5) < 0.28;
    case Texture::checked:
      return (wrapped(u + pu) < 0.5) != (wrapped(v + pv) < 0.5);
    case Texture::plain:
      return false;
  }
  return false;
}

Sprite draw_sprite(Scene const& scene, SceneObject const& object,
                   SynthView view) {
  auto const texture =
      scene.spec.textures[static_cast<std::size_t>(object.texture)];
  double const cosine = std::cos(scene.rotation);
  double const sine = std::sin(scene.rotation);
  Sprite sprite;
  sprite.half = scene.radius_px + 1;
  constexpr float kShare = 1.0F / (kSubsamples * kSubsamples);
  for (int py = -sprite.half; py <= sprite.half; ++py) {
    for (int px = -sprite.half; px <= sprite.half; ++px) {
      float alpha = 0;
      std::array<float, 3> rgb{};
      for (int i = 0; i < kSubsamples * kSubsamples; ++i) {
        int const row = i / kSubsamples;
        double const x = px + (i % kSubsamples + 0.5) / kSubsamples - 0.5;
        double const y = py + (row + 0.5) / kSubsamples - 0.5;
        bool const inside =
            is_inside(scene.shape, (x * cosine + y * sine) / scene.radius_px,
                      (-x * sine + y * cosine) / scene.radius_px);
        if (inside) alpha += kShare;
        auto const& colour = view == SynthView::silhouette ? kWhite
                             : is_pattern(texture, object, x, y)
                                 ? object.pattern
                                 : object.base;
        for (std::size_t c = 0; c < 3; ++c)
          rgb[c] += kShare * static_cast<float>(colour[c]);
      }
      sprite.alpha.push_back(alpha);
      sprite.rgb.insert(sprite.rgb.end(), rgb.begin(), rgb.end());
    }
  }
  return sprite;
}

void blend(Canvas& canvas, Sprite const& sprite, int centre_x, int centre_y) {
  for (int row = 0; row < sprite.side(); ++row) {
    int const y = centre_y - sprite.half + row;
    for (int column = 0; column < sprite.side(); ++column) {
      int const x = centre_x - sprite.half + column;
      auto const i = static_cast<std::size_t>(row * sprite.side() + column);
      float const alpha = sprite.alpha[i];
      if (alpha <= 0) continue;
      // Drawn scenes keep all coverage inside the frame.
      GASM_ASSERT(x >= 0 && x < canvas.width && y >= 0 && y < canvas.height);
      float* out = canvas.pixel(x, y);
      for (std::size_t c = 0; c < 3; ++c)
        out[c] += alpha * (sprite.rgb[3 * i + c] - out[c]);
    }
  }
}

using NoiseTable = std::array<float, 4096>;

/// Quantiles of the standard normal at (i + 1/2) / 4096, by bisection: a table
/// look-up a sample is ten times as fast as Box-Muller, and noise is most of
/// the work.
NoiseTable make_noise_table() {
  NoiseTable table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    double const want = (static_cast<double>(i) + 0.5) / 4096.0;
    double low = -5;
    double high = 5;
    for (int step = 0; step < 40; ++step) {
      double const middle = 0.5 * (low + high);
      double const cdf = 0.5 * std::erfc(-middle / std::numbers::sqrt2);
      (cdf < want ? low : high) = middle;
    }
    table[i] = static_cast<float>(0.5 * (low + high));
  }
  return table;
}

std::uint8_t to_byte(float value) {
  // Not lround, whose rounding differs where the sum is not exact: the bytes of
  // a set must stay what they were.
  // NOLINTNEXTLINE(bugprone-incorrect-roundings)
  return static_cast<std::uint8_t>(std::clamp(value, 0.0F, 255.0F) + 0.5F);
}

RgbFrame to_bytes(Canvas const& canvas) {
  RgbFrame frame(canvas.rgb.size());
  std::transform(canvas.rgb.begin(), canvas.rgb.end(), frame.begin(), to_byte);
  return frame;
}

RgbFrame to_bytes_with_noise(Canvas const& canvas, double sigma, Rng rng) {
  static NoiseTable const kTable = make_noise_table();
  auto const scale = static_cast<float>(sigma);
  RgbFrame frame(canvas.rgb.size());
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < frame.size(); ++i) {
    word = i % 2 == 0 ? rng.u32() : word >> 16;
    frame[i] = to_byte(canvas.rgb[i] + scale * kTable[word & 0xfffU]);
  }
  return frame;
}

Rng noise_rng(Scene const& scene, int state) {
  return Rng({scene.noise_key, static_cast<std::uint64_t>(state)});
}

/// Clamped so that the window stays in the frame.
int window_start(int centre, int side, int limit) {
  return std::clamp(centre - side / 2, 0, limit - side);
}

void append_window(RgbFrame const& frame, int width, int left, int top,
                   int side, std::vector<std::uint8_t>& out) {
  for (int y = top; y < top + side; ++y) {
    auto const begin = frame.begin() + 3 * (y * width + left);
    out.insert(out.end(), begin, begin + 3 * side);
  }
}

}  // namespace

std::vector<RgbFrame> render_states(Scene const& scene, SynthView view) {
  std::vector<Sprite> sprites;
  for (auto const& object : scene.objects)
    sprites.push_back(draw_sprite(scene, object, view));
  Canvas const background = view == SynthView::silhouette
                                ? blank_canvas(scene.spec)
                                : paint_background(scene);
  std::vector<RgbFrame> frames;
  for (int state = 0; state < num_states(scene.spec); ++state) {
    Canvas canvas = background;
    auto const places = object_states(scene, state);
    for (std::size_t i = 0; i < sprites.size(); ++i)
      blend(canvas, sprites[i], places[i].x_px, places[i].y_px);
    frames.push_back(view == SynthView::silhouette
                         ? to_bytes(canvas)
                         : to_bytes_with_noise(canvas, scene.noise_sigma,
                                               noise_rng(scene, state)));
  }
  return frames;
}

std::vector<std::uint8_t> assemble_clip(std::span<RgbFrame const> states,
                                        std::span<int const> sequence) {
  std::vector<std::uint8_t> clip;
  if (!states.empty()) clip.reserve(states[0].size() * sequence.size());
  for (int state : sequence) {
    GASM_ASSERT(state >= 0 && static_cast<std::size_t>(state) < states.size());
    auto const& frame = states[static_cast<std::size_t>(state)];
    clip.insert(clip.end(), frame.begin(), frame.end());
  }
  return clip;
}

std::vector<std::uint8_t> render_texture_crops(Scene const& scene, int object) {
  auto const& spec = scene.spec;
  auto const& shown = scene.objects.at(static_cast<std::size_t>(object));
  Canvas canvas = paint_background(scene);
  blend(canvas, draw_sprite(scene, shown, SynthView::rgb), shown.x_px,
        shown.y_px);
  // As far as the largest object can be from the centre and still be whole.
  int const shift = std::max(0, spec.crop_px / 2 - spec.max_radius_px - 2);
  Rng rng({scene.noise_key, 2, static_cast<std::uint64_t>(object)});
  std::vector<std::uint8_t> clip;
  for (int t = 0; t < spec.num_crop_frames; ++t) {
    auto const frame =
        to_bytes_with_noise(canvas, scene.noise_sigma, Rng(rng.u64()));
    int const x = shown.x_px + static_cast<int>(rng.between(-shift, shift));
    int const y = shown.y_px + static_cast<int>(rng.between(-shift, shift));
    append_window(
        frame, spec.width_px, window_start(x, spec.crop_px, spec.width_px),
        window_start(y, spec.crop_px, spec.height_px), spec.crop_px, clip);
  }
  return clip;
}

}  // namespace gasm
