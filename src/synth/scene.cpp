// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/scene.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <numeric>
#include <utility>

#include "gasm/base/error.hpp"
#include "gasm/base/rng.hpp"

namespace gasm {
namespace {

// Contrasts in luminance that keep textures and silhouettes visible.
constexpr double kMinBaseContrast = 45;
constexpr double kMinPatternContrast = 70;
constexpr double kMaxBackgroundContrast = 60;

// Keeps the streams of this module apart from others with the same seed.
constexpr std::uint64_t kSceneStream = 0x73796e7374682d7aULL;

double luminance(Rgb const& c) {
  return 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
}

/// 0..5: red to yellow, yellow to green, ...
int hue_sextant(Rgb const& c) {
  double const high = std::max({c[0], c[1], c[2]});
  double const low = std::min({c[0], c[1], c[2]});
  double const range = std::max(high - low, 1e-9);
  double hue = 0;
  if (high == c[0])
    hue = (c[1] - c[2]) / range;
  else if (high == c[1])
    hue = 2 + (c[2] - c[0]) / range;
  else
    hue = 4 + (c[0] - c[1]) / range;
  return static_cast<int>(std::floor(hue + 6)) % 6;
}

/// The palettes: set A has the even sextants of hue, set B the odd ones.
bool in_palette(Rgb const& c, ObjectSet set) {
  return hue_sextant(c) % 2 == (set == ObjectSet::a ? 0 : 1);
}

Rgb draw_rgb(Rng& rng, double low, double high) {
  Rgb c;
  for (auto& channel : c) channel = rng.uniform(low, high);
  return c;
}

bool draw_background(Rng& rng, Scene& scene) {
  for (auto& colour : scene.background) colour = draw_rgb(rng, 20, 235);
  return std::abs(luminance(scene.background[0]) -
                  luminance(scene.background[1])) <= kMaxBackgroundContrast;
}

bool draw_object_colours(Rng& rng, Scene const& scene, ObjectSet set,
                         SceneObject& object) {
  double const one = luminance(scene.background[0]);
  double const other = luminance(scene.background[1]);
  double const dark = std::min(one, other);
  double const light = std::max(one, other);
  for (int attempt = 0; attempt < 400; ++attempt) {
    object.base = draw_rgb(rng, 0, 255);
    object.pattern = draw_rgb(rng, 0, 255);
    double const base = luminance(object.base);
    bool const stands_out =
        base < dark - kMinBaseContrast || base > light + kMinBaseContrast;
    double const contrast = std::abs(base - luminance(object.pattern));
    if (stands_out && contrast > kMinPatternContrast &&
        in_palette(object.base, set) && in_palette(object.pattern, set))
      return true;
  }
  return false;
}

void draw_colours(Rng& rng, ObjectSet set, double contrast, Scene& scene) {
  bool done = false;
  while (!done) {
    if (!draw_background(rng, scene)) continue;
    done = std::all_of(scene.objects.begin(), scene.objects.end(),
                       [&](SceneObject& object) {
                         return draw_object_colours(rng, scene, set, object);
                       });
  }
  for (auto& object : scene.objects)
    for (std::size_t c = 0; c < 3; ++c)
      object.pattern[c] =
          object.base[c] + contrast * (object.pattern[c] - object.base[c]);
}

/// Objects may come no nearer than this, whichever one of them is away.
bool have_room(Scene const& scene, SceneObject const& a, SceneObject const& b) {
  int const excursion = scene.step_px * scene.spec.path.num_points;
  int const dx = std::abs(a.x_px - b.x_px);
  int const dy = std::abs(a.y_px - b.y_px);
  // Slots are named from the left, so none may stand right above another.
  if (2 * dx < scene.radius_px) return false;
  return dx >= 2 * scene.radius_px + excursion + 3 ||
         dy >= 2 * scene.radius_px + 3;
}

bool all_have_room(Scene const& scene) {
  for (std::size_t i = 0; i < scene.objects.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (!have_room(scene, scene.objects[i], scene.objects[j])) return false;
  return true;
}

void place_objects(Rng& rng, Scene& scene) {
  auto const& spec = scene.spec;
  int const margin_y = scene.radius_px + 2;
  int const margin_x = margin_y + scene.step_px * spec.path.num_points;
  bool const fits = spec.width_px - 1 - 2 * margin_x >= 0 &&
                    spec.height_px - 1 - 2 * margin_y >= 0;
  constexpr int kAttempts = 20000;
  for (int attempt = 0; fits && attempt < kAttempts; ++attempt) {
    for (auto& object : scene.objects) {
      object.x_px =
          static_cast<int>(rng.between(margin_x, spec.width_px - 1 - margin_x));
      object.y_px = static_cast<int>(
          rng.between(margin_y, spec.height_px - 1 - margin_y));
    }
    if (!all_have_room(scene)) continue;
    std::sort(scene.objects.begin(), scene.objects.end(),
              [](auto const& a, auto const& b) { return a.x_px < b.x_px; });
    return;
  }
  throw usage_error(
      "{} objects of radius {} px with excursions of {} px do not fit into "
      "{}x{} px. Try a smaller size_scale or excursion_scale",
      spec.num_objects, scene.radius_px, scene.step_px * spec.path.num_points,
      spec.width_px, spec.height_px);
}

void assign_textures(Rng& rng, Scene& scene) {
  std::vector<int> tau(scene.objects.size());
  std::iota(tau.begin(), tau.end(), 0);
  rng.shuffle(std::span(tau));
  for (std::size_t i = 0; i < tau.size(); ++i)
    scene.objects[i].texture = tau[i];
}

double base_period_px(Rng& rng, Texture texture) {
  double const u = rng.uniform();
  switch (texture) {
    case Texture::dotted:
      return 11 + 2 * u;
    case Texture::checked:
      return 5.5 + u;  // two cells
    default:
      return 5.5 + 2 * u;
  }
}

void draw_texture_details(Rng& rng, Scene& scene) {
  for (auto& object : scene.objects) {
    auto const kind =
        scene.spec.textures[static_cast<std::size_t>(object.texture)];
    object.angle = rng.uniform(-0.35, 0.35);
    object.period_px = scene.spec.texture_scale * base_period_px(rng, kind);
    for (auto& phase : object.phase) phase = rng.uniform();
  }
}

void draw_clutter(Rng& rng, Scene& scene) {
  scene.gradient_angle = rng.uniform(0, 2 * std::numbers::pi);
  scene.clutter.resize(
      static_cast<std::size_t>(kClutterRows * kClutterColumns));
  for (auto& value : scene.clutter) value = rng.normal();
}

std::uint64_t scene_key(SynthOptions const& options, SynthSplit split, int draw,
                        ObjectSet set) {
  return mix_key({kSceneStream, options.seed, static_cast<std::uint64_t>(split),
                  static_cast<std::uint64_t>(draw),
                  static_cast<std::uint64_t>(set)});
}

template <class Items>
auto pick(Rng& rng, Items const& items) {
  return items[static_cast<std::size_t>(
      rng.below(static_cast<std::int64_t>(items.size())))];
}

}  // namespace

Shape draw_shape(SynthOptions const& options, SynthSplit split, int draw,
                 ObjectSet set) {
  Rng rng(scene_key(options, split, draw, set));
  return pick(rng, shapes_of(set));
}

Scene draw_scene(SynthOptions const& options, SynthSplit split, int draw,
                 ObjectSet set) {
  Scene scene;
  scene.spec = level_spec(options);
  auto const& spec = scene.spec;
  std::uint64_t const key = scene_key(options, split, draw, set);
  scene.noise_key = mix_key({key, 1});
  Rng rng(key);
  scene.shape = pick(rng, shapes_of(set));  // first, as in draw_shape
  scene.rotation = rng.uniform(-0.3, 0.3);
  scene.radius_px =
      static_cast<int>(rng.between(spec.min_radius_px, spec.max_radius_px));
  scene.step_px = pick(rng, spec.steps_px);
  scene.lead_frames =
      static_cast<int>(rng.between(spec.min_lead, spec.max_lead));
  double const sigma = rng.uniform(1, 4);
  scene.noise_sigma = options.noise_sigma.value_or(sigma);
  scene.objects.resize(static_cast<std::size_t>(spec.num_objects));
  place_objects(rng, scene);
  draw_colours(rng, set, options.contrast, scene);
  assign_textures(rng, scene);
  draw_texture_details(rng, scene);
  draw_clutter(rng, scene);
  return scene;
}

int num_states(LevelSpec const& spec) {
  return 1 + spec.num_objects * 2 * spec.path.num_points;
}

StateOffset state_offset(LevelSpec const& spec, int state) {
  if (state == 0) return {};
  int const n = spec.path.num_points;
  int const k = (state - 1) % (2 * n);
  return {.object = (state - 1) / (2 * n), .steps = k < n ? k - n : k - n + 1};
}

namespace {

// The inverse of state_offset.
int state_index(LevelSpec const& spec, int object, int steps) {
  if (steps == 0) return 0;
  int const n = spec.path.num_points;
  return 1 + object * 2 * n + (steps < 0 ? steps + n : steps + n - 1);
}

}  // namespace

std::vector<int> state_sequence(Scene const& scene, SynthEvent const& event) {
  auto const& spec = scene.spec;
  auto const& path = event.tempo == Tempo::snap_back ? spec.path.snap_back
                                                     : spec.path.ease_back;
  int const first = event.direction == Direction::left_first ? -1 : 1;
  auto const slots = to_motion(event, texture_in_slot(scene)).order;
  std::vector<int> sequence;
  auto const rest = [&](int frames) {
    sequence.insert(sequence.end(), static_cast<std::size_t>(frames), 0);
  };
  rest(scene.lead_frames);
  for (std::size_t j = 0; j < slots.size(); ++j) {
    if (j > 0) rest(spec.gap_between);
    for (int side : {first, -first}) {
      if (side != first) rest(spec.gap_within);
      for (int steps : path)
        sequence.push_back(state_index(spec, slots[j], side * steps));
    }
  }
  rest(spec.num_frames - static_cast<int>(sequence.size()));
  return sequence;
}

std::vector<ObjectState> object_states(Scene const& scene, int state) {
  auto const moved = state_offset(scene.spec, state);
  std::vector<ObjectState> states;
  for (std::size_t i = 0; i < scene.objects.size(); ++i) {
    auto const& object = scene.objects[i];
    int const dx =
        static_cast<int>(i) == moved.object ? moved.steps * scene.step_px : 0;
    states.push_back({object.texture, object.x_px + dx, object.y_px});
  }
  return states;
}

std::vector<int> texture_in_slot(Scene const& scene) {
  std::vector<int> textures;
  for (auto const& object : scene.objects) textures.push_back(object.texture);
  return textures;
}

}  // namespace gasm
