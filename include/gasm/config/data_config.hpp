// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>

#include "gasm/config/augment_config.hpp"
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

struct DataConfig {
  DataSource source = DataSource::clips;
  std::string train;
  std::string val;
  StoreMode store = StoreMode::automatic;
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
            "resident: each rank keeps the samples in memory. direct: each "
            "sample is read when it is needed. auto: resident if it fits.");
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
