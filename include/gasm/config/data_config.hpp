// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>

#include "gasm/config/field.hpp"

namespace gasm {

enum class DataSource { clips, features };
constexpr auto choices(DataSource) {
  return std::array{Choice{DataSource::clips, "clips"},
                    Choice{DataSource::features, "features"}};
}

enum class StoreMode { automatic, resident, exchange, stream, direct };
constexpr auto choices(StoreMode) {
  return std::array{Choice{StoreMode::automatic, "auto"},
                    Choice{StoreMode::resident, "resident"},
                    Choice{StoreMode::exchange, "exchange"},
                    Choice{StoreMode::stream, "stream"},
                    Choice{StoreMode::direct, "direct"}};
}

enum class SamplingKind { segment, uniform };
constexpr auto choices(SamplingKind) {
  return std::array{Choice{SamplingKind::segment, "segment"},
                    Choice{SamplingKind::uniform, "uniform"}};
}

enum class FrameOrder { sorted, shuffled };
constexpr auto choices(FrameOrder) {
  return std::array{Choice{FrameOrder::sorted, "sorted"},
                    Choice{FrameOrder::shuffled, "shuffled"}};
}

enum class FlipKind { none, swap, exclude };
constexpr auto choices(FlipKind) {
  return std::array{Choice{FlipKind::none, "none"},
                    Choice{FlipKind::swap, "swap"},
                    Choice{FlipKind::exclude, "exclude"}};
}

enum class CropKind { none, center, random_resized, shift };
constexpr auto choices(CropKind) {
  return std::array{Choice{CropKind::none, "none"},
                    Choice{CropKind::center, "center"},
                    Choice{CropKind::random_resized, "random_resized"},
                    Choice{CropKind::shift, "shift"}};
}

/// Which frames of a video make a clip.
struct SamplingConfig {
  SamplingKind kind = SamplingKind::segment;
  int frames = 16;
  FrameOrder order = FrameOrder::sorted;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("kind", self.kind,
            "segment: one frame from each of equal parts of the video, drawn "
            "at random in training and its centre in evaluation. uniform: the "
            "centres always.");
    v.field("frames", self.frames, "Frames of a clip.", between(1, 1024));
    v.field("order", self.order,
            "shuffled destroys the order of the frames, a control that shows "
            "what a model takes from single frames.");
  }
};

/// How far data.store: stream mixes the samples of an epoch.
struct StreamConfig {
  int block = 64;
  int window = 16;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("block", self.block,
            "Samples that are neighbours in the store and stay in one window.",
            between(1, 1 << 20));
    v.field("window", self.window,
            "Blocks whose samples are mixed with each other. Each rank holds "
            "its share of two windows.",
            between(1, 1 << 20));
  }
};

/// Random changes of training clips; evaluation never draws.
struct AugmentConfig {
  FlipKind flip = FlipKind::swap;
  CropKind crop = CropKind::random_resized;
  double scale_min = 0.5;
  double scale_max = 1.0;
  double ratio_min = 0.75;
  double ratio_max = 1.3333;
  int shift_px = 8;
  double jitter = 0.4;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("flip", self.flip,
            "Horizontal mirror of half of the clips. swap: with the labels of "
            "left and right exchanged. exclude: only clips of classes that "
            "know no left and right.");
    v.field("crop", self.crop,
            "Window of the frame that is kept, the same for all frames of a "
            "clip, and resized to the clip's size. none: the whole frame. "
            "center: the largest central window of the clip's width / height. "
            "random_resized: random area and aspect. shift: as center, and "
            "the clip is then moved at random, its edge pixels repeated.");
    v.field("scale_min", self.scale_min,
            "random_resized: smallest share of the frame's area.",
            between(0.01, 1));
    v.field("scale_max", self.scale_max,
            "random_resized: largest share of the frame's area.",
            between(0.01, 1));
    v.field("ratio_min", self.ratio_min,
            "random_resized: smallest width / height.", between(0.1, 10));
    v.field("ratio_max", self.ratio_max,
            "random_resized: largest width / height.", between(0.1, 10));
    v.field("shift_px", self.shift_px,
            "shift: largest move along each axis, in pixels of the clip.",
            between(0, 4096));
    v.field("jitter", self.jitter,
            "Brightness, contrast and saturation are scaled by a factor "
            "from 1 - this to 1 + this.",
            below(1));
  }
};

struct DataConfig {
  DataSource source = DataSource::clips;
  std::string train;
  std::string val;
  StoreMode store = StoreMode::automatic;
  StreamConfig stream;
  int threads = 1;
  SamplingConfig sampling;
  AugmentConfig augment;
  double max_bad_fraction = 0.01;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("source", self.source,
            "What the stores hold: clips (video files), or features "
            "(outputs of the backbones).");
    v.field("train", self.train,
            "Store to train on. Must be set for training.");
    v.field("val", self.val,
            "Store to evaluate on. Must be set for training and evaluation.");
    v.field("store", self.store,
            "resident: each machine keeps one copy in memory, which its ranks "
            "share. exchange: all ranks together keep one copy, and send each "
            "other what the next steps need. direct: each sample is read when "
            "it is needed. stream: for data larger than memory, blocks of "
            "samples are read ahead in random order and mixed within a "
            "window: another order of samples than the three others, which "
            "give the same batches. auto: the first of resident, exchange and "
            "direct that fits into half of the free memory.");
    v.section("stream", self.stream, "data.store: stream only.");
    v.field("threads", self.threads,
            "Threads of a rank that read, decode and augment ahead.",
            between(1, 256));
    v.section("sampling", self.sampling, "Which frames make a clip.");
    v.section("augment", self.augment, "Random changes of training clips.");
    v.field("max_bad_fraction", self.max_bad_fraction,
            "Share of an epoch's samples that may fail to decode, and are "
            "replaced, before the run ends.",
            between(0, 1));
  }
};

}  // namespace gasm
