// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "gasm/config/run_config.hpp"
#include "gasm/data/clip_loader.hpp"
#include "gasm/data/prefetch.hpp"
#include "gasm/models/frozen_casts.hpp"
#include "gasm/models/video_model.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/store/feature_info.hpp"

namespace gasm {

/// Decoded clips of one unit (FeatureWriter): one micro-batch with all views
/// of a test, or one for each random view.
struct UnitClips {
  std::int64_t unit = 0;
  std::vector<MicroBatch> views;
};

/// Features of one unit, [clips, V, S, L, D] in the file's type.
struct UnitFeatures {
  at::Tensor semantic;  ///< undefined where there is none
  at::Tensor motion;
  std::vector<std::int16_t> view_labels;  ///< [clips * V]

  std::span<std::byte const> semantic_bytes() const;
  std::span<std::byte const> motion_bytes() const;
};

using UnitPrefetcher = Prefetcher<std::int64_t, UnitClips>;

/// From clips to features, unit by unit. What it makes of a unit depends on
/// the configuration and the clips alone.
class UnitMaker {
 public:
  /// `clips` must outlive it. Builds the model and loads its weights.
  UnitMaker(RunConfig const& config, ClipStore const& clips,
            FeatureStoreContents const& contents);

  /// Decodes ahead, on data.threads threads.
  std::unique_ptr<UnitPrefetcher> prefetch(UnitPrefetcher::Jobs units) const;

  /// Throws Error naming the clip if half precision does not hold a value.
  /// Tells `on_batch` of each view.
  UnitFeatures make(UnitClips const& clips,
                    std::function<void()> const& on_batch);

 private:
  MicroBatchPlan plan_of(std::int64_t unit, std::int64_t epoch) const;
  at::Tensor in_file_type(std::vector<at::Tensor> const& views,
                          UnitClips const& clips) const;

  RunConfig config_;
  ClipStore const& clips_;
  FeatureStoreContents contents_;
  ClipLoader loader_;
  std::shared_ptr<VideoModel> model_;
  std::unique_ptr<FrozenCasts> casts_;
};

/// All that is known of the file before the first feature is. `recipe` is
/// feature_recipe().
FeatureStoreContents plan_features(RunConfig const& config,
                                   ClipStore const& clips, FeatureViews views,
                                   std::int64_t num_views, FeatureType type,
                                   std::int64_t batch,
                                   std::string const& recipe);

}  // namespace gasm
