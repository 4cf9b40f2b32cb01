// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "gasm/base/rng.hpp"
#include "gasm/synth/render.hpp"
#include "gasm/synth/scene.hpp"
#include "synth_set.hpp"

namespace gasm {
namespace {

int num_draws(SynthOptions const& options, SynthSplit split) {
  switch (split) {
    case SynthSplit::train:
      return options.num_train_draws;
    case SynthSplit::val_iid:
    case SynthSplit::val_shape:
      return options.num_val_draws;
    case SynthSplit::test:
      return options.num_test_draws;
    case SynthSplit::swap_train:
      return options.num_swap_draws;
    case SynthSplit::val_swap:
      return options.num_swap_draws > 0 ? options.num_val_draws : 0;
  }
  return 0;
}

ObjectSet object_set(SynthSplit split, int group) {
  switch (split) {
    case SynthSplit::val_shape:
      return ObjectSet::b;
    case SynthSplit::swap_train:
      return group == 0 ? ObjectSet::a : ObjectSet::b;
    case SynthSplit::val_swap:
      return group == 0 ? ObjectSet::b : ObjectSet::a;
    default:
      return ObjectSet::a;
  }
}

}  // namespace

std::vector<SynthClip> plan_synth(SynthOptions const& options) {
  LevelSpec const spec = level_spec(options);
  SynthLabels const labels(options.level, options.task);
  std::vector<SynthClip> clips;
  for (auto split :
       {SynthSplit::train, SynthSplit::val_iid, SynthSplit::test,
        SynthSplit::val_shape, SynthSplit::swap_train, SynthSplit::val_swap})
    for (int draw = 0; draw < num_draws(options, split); ++draw)
      for (int label = 0; label < labels.size(); ++label) {
        int const group = manner_group(labels.event(label), spec.has_tempo);
        clips.push_back({.id = static_cast<int>(clips.size()) + 1,
                         .split = split,
                         .draw = draw,
                         .label = label,
                         .set = object_set(split, group)});
      }
  for (auto& clip : clips)
    clip.shape = draw_shape(options, clip.split, clip.draw, clip.set);
  return clips;
}

bool same_scene(SynthClip const& a, SynthClip const& b) {
  return a.split == b.split && a.draw == b.draw && a.set == b.set;
}

namespace {

SynthEvent full_event(SynthOptions const& options, Scene const& scene,
                      SynthEvent const& event) {
  return options.task == SynthTask::motion
             ? to_full(event, texture_in_slot(scene))
             : event;
}

}  // namespace

std::vector<std::uint8_t> clip_pixels(SynthOptions const& options,
                                      Scene const& scene,
                                      std::span<RgbFrame const> states,
                                      SynthEvent const& event) {
  if (options.task == SynthTask::texture) {
    auto const textures = texture_in_slot(scene);
    auto const slot =
        std::find(textures.begin(), textures.end(), event.order.front());
    return render_texture_crops(scene,
                                static_cast<int>(slot - textures.begin()));
  }
  auto clip = assemble_clip(
      states, state_sequence(scene, full_event(options, scene, event)));
  if (!options.proves_bounds())
    disturb_clip(clip, scene.spec, options.num_distractors, options.pan_px,
                 mix_key({scene.noise_key, 3}));
  return clip;
}

std::vector<std::uint8_t> render_clip(SynthOptions const& options,
                                      SynthClip const& clip) {
  Scene const scene = draw_scene(options, clip.split, clip.draw, clip.set);
  std::vector<RgbFrame> states;
  if (options.task != SynthTask::texture)
    states = render_states(scene, options.view);
  SynthLabels const labels(options.level, options.task);
  return clip_pixels(options, scene, states, labels.event(clip.label));
}

}  // namespace gasm
