// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>

#include "gasm/config/augment_config.hpp"
#include "gasm/config/feature_augment_config.hpp"
#include "gasm/config/field.hpp"
#include "gasm/config/sampling_config.hpp"

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

struct DataConfig {
  DataSource source = DataSource::clips;
  std::string train;
  std::string val;
  StoreMode store = StoreMode::automatic;
  StreamConfig stream;
  int threads = 1;
  SamplingConfig sampling;
  AugmentConfig augment;
  FeatureAugmentConfig feature_augment;
  double max_bad_fraction = 0.01;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("source", self.source,
            "What the stores hold: clips (video files), or features (what gasm "
            "extract made of them; the backbones do not run, and sampling and "
            "augment are those of the extraction).");
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
    v.section(
        "feature_augment", self.feature_augment,
        "Random changes of training samples, data.source: features only.");
    v.field("max_bad_fraction", self.max_bad_fraction,
            "Share of an epoch's samples that may be unusable, and are "
            "replaced, before the run ends.",
            between(0, 1));
  }
};

}  // namespace gasm
