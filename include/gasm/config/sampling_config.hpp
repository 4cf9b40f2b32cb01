// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "gasm/config/field.hpp"

namespace gasm {

enum class SamplingKind { segment, uniform, random, dense, motion, tsm };
constexpr auto choices(SamplingKind) {
  return std::array{Choice{SamplingKind::segment, "segment"},
                    Choice{SamplingKind::uniform, "uniform"},
                    Choice{SamplingKind::random, "random"},
                    Choice{SamplingKind::dense, "dense"},
                    Choice{SamplingKind::motion, "motion"},
                    Choice{SamplingKind::tsm, "tsm"}};
}

enum class FrameOrder { sorted, shuffled };
constexpr auto choices(FrameOrder) {
  return std::array{Choice{FrameOrder::sorted, "sorted"},
                    Choice{FrameOrder::shuffled, "shuffled"}};
}

/// Which frames of a video make a clip (data/frame_sampling.hpp).
struct SamplingConfig {
  SamplingKind kind = SamplingKind::segment;
  int frames = 16;
  int stride = 1;
  int time_jitter = 0;
  double frame_drop = 0.0;
  FrameOrder order = FrameOrder::sorted;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("kind", self.kind,
            "segment: one frame from each of equal parts of the video, drawn "
            "at random in training and its centre in evaluation. uniform: the "
            "centres always. random: frames drawn from the whole video, in "
            "order; centres in evaluation. dense: a run of frames stride "
            "apart, at a random place, the middle in evaluation. motion: "
            "frames that share the video's movement equally (a second "
            "decoding finds it: about twice the time). tsm: the rule that "
            "published TSM and TSN weights were trained with. Codec keyframes "
            "mean nothing here: videos of some seconds have one.");
    v.field("frames", self.frames, "Frames of a clip.", between(1, 1024));
    v.field("stride", self.stride, "dense: frames from one to the next.",
            between(1, 1024));
    v.field("time_jitter", self.time_jitter,
            "Training: each chosen frame moves by up to this many frames.",
            between(0, 1024));
    v.field("frame_drop", self.frame_drop,
            "Training: share of the chosen frames that are lost, each replaced "
            "by the one before it.",
            below(1));
    v.field("order", self.order,
            "shuffled destroys the order of the frames, a control that shows "
            "what a model takes from single frames.");
  }
};

}  // namespace gasm
