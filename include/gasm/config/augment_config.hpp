// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "gasm/config/field.hpp"

namespace gasm {

enum class FlipKind { none, swap, exclude };
constexpr auto choices(FlipKind) {
  return std::array{Choice{FlipKind::none, "none"},
                    Choice{FlipKind::swap, "swap"},
                    Choice{FlipKind::exclude, "exclude"}};
}

enum class CropKind {
  none,
  center,
  random_resized,
  shift,
  multi_scale,
  short_side
};
constexpr auto choices(CropKind) {
  return std::array{Choice{CropKind::none, "none"},
                    Choice{CropKind::center, "center"},
                    Choice{CropKind::random_resized, "random_resized"},
                    Choice{CropKind::shift, "shift"},
                    Choice{CropKind::multi_scale, "multi_scale"},
                    Choice{CropKind::short_side, "short_side"}};
}

enum class Interpolation { bilinear, bicubic };
constexpr auto choices(Interpolation) {
  return std::array{Choice{Interpolation::bilinear, "bilinear"},
                    Choice{Interpolation::bicubic, "bicubic"}};
}

/// RandAugment (Cubuk et al., 2020) as timm has it: rand-m7-n4-mstd0.5-inc1 is
/// {n: 4, m: 7, mstd: 0.5, increasing: true}.
struct RandAugmentConfig {
  int n = 0;
  double m = 7.0;
  double mstd = 0.5;
  bool increasing = true;
  Interpolation interpolation = Interpolation::bicubic;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("n", self.n,
            "Operations drawn for a clip, each of them then done with "
            "probability 1/2; 0: none.",
            between(0, 16));
    v.field("m", self.m, "Mean of their magnitude.", between(0, 10));
    v.field("mstd", self.mstd,
            "Its standard deviation; magnitudes stay within 0 and 10.",
            between(0, 100));
    v.field("increasing", self.increasing,
            "Every operation grows with the magnitude (timm's inc1).");
    v.field("interpolation", self.interpolation,
            "How rotation, shear and translation resample.");
  }
};

/// Random erasing (Zhong et al., 2020) of one box, filled with noise.
struct EraseConfig {
  double probability = 0.0;
  double area_min = 0.02;
  double area_max = 0.3333;
  double ratio_min = 0.3;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("probability", self.probability, "Share of clips; 0: none.",
            between(0, 1));
    v.field("area_min", self.area_min, "Smallest share of the area.",
            between(0, 1));
    v.field("area_max", self.area_max, "Largest share of the area.",
            between(0, 1));
    v.field("ratio_min", self.ratio_min,
            "Smallest height / width; the largest is 1 / this.",
            between(0.01, 1));
  }
};

/// Mixup (Zhang et al., 2018) and CutMix (Yun et al., 2019).
struct MixConfig {
  double mixup_alpha = 0.0;
  double cutmix_alpha = 0.0;
  double probability = 1.0;
  double switch_probability = 0.5;

  bool is_on() const {
    return probability > 0.0 && (mixup_alpha > 0.0 || cutmix_alpha > 0.0);
  }

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("mixup_alpha", self.mixup_alpha,
            "Mixup: shares are drawn from Beta(this, this); 0: no mixup.",
            between(0, 100));
    v.field("cutmix_alpha", self.cutmix_alpha,
            "CutMix: shares of the area, likewise; 0: no CutMix.",
            between(0, 100));
    v.field("probability", self.probability,
            "Share of micro-batches that are mixed.", between(0, 1));
    v.field("switch_probability", self.switch_probability,
            "Share of those that take CutMix, if both have an alpha.",
            between(0, 1));
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
  std::vector<double> crop_scales = {1.0, 0.875, 0.75, 0.66};
  int short_side_min_px = 256;
  int short_side_max_px = 320;
  double jitter = 0.4;
  RandAugmentConfig rand_augment;
  EraseConfig erase;
  MixConfig mix;

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
            "the clip is then moved at random, its edge pixels repeated. "
            "multi_scale: TSM's sizes and thirteen places. short_side: "
            "SlowFast's scale jitter and a random place. All but none are "
            "center in evaluation.");
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
    v.field("crop_scales", self.crop_scales,
            "multi_scale: sides of the window as shares of the frame's shorter "
            "side; width and height may be neighbours in this list.",
            between(0.01, 1).each(1, 16));
    v.field("short_side_min_px", self.short_side_min_px,
            "short_side: shortest side to which the frame is thought resized "
            "(the window is cut from the frame as it is).",
            between(1, 8192));
    v.field("short_side_max_px", self.short_side_max_px,
            "short_side: longest such side.", between(1, 8192));
    v.field("jitter", self.jitter,
            "Brightness, contrast and saturation are scaled by a factor "
            "from 1 - this to 1 + this. Recipes with rand_augment want 0.",
            below(1));
    v.section("rand_augment", self.rand_augment,
              "A few operations out of fifteen, the same on all frames.");
    v.section("erase", self.erase,
              "One box of noise, at the same place in all frames.");
    v.section("mix", self.mix,
              "Mixup and CutMix of the clips of a micro-batch, with their "
              "labels. The top-1 of training then counts the heavier label.");
  }
};

}  // namespace gasm
