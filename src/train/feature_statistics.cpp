// SPDX-License-Identifier: Apache-2.0
#include "feature_statistics.hpp"

#include <optional>
#include <string>

#include "gasm/base/error.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/models/video_model.hpp"
#include "gasm/store/feature_store.hpp"

namespace gasm {
namespace {

void set_stream(Stream* stream, char const* name, int width,
                ChannelStatistics const& statistics, std::string const& path) {
  if (!stream) return;
  auto const found = static_cast<int>(statistics.mean.size());
  if (found != width)
    throw usage_error(
        "the statistics of {} are of {} {} channels, and the model has {}. Try "
        "features of this configuration's backbones",
        path, found, name, width);
  stream->set_statistics(at::tensor(statistics.mean),
                         at::tensor(statistics.std));
}

void set_all(FeatureStore const& store, VideoModel& model) {
  auto const path = store.path().string();
  auto const& fusion = *model.fusion();
  set_stream(fusion.semantic().get(), "semantic", fusion.spec().semantic_dim,
             store.semantic_statistics(), path);
  set_stream(fusion.motion().get(), "motion", fusion.spec().motion_dim,
             store.motion_statistics(), path);
  log_info("features are standardised by the statistics of {}", path);
}

}  // namespace

void set_statistics(Communicator const& world, RunConfig const& config,
                    SampleStore const& train, Recogniser& model) {
  auto* const video = dynamic_cast<VideoModel*>(&model);
  if (!video) return;
  auto const& fusion = config.model.fusion;
  if (fusion.standardise != Standardise::fixed) return;
  agree_call(world, [&] {
    if (fusion.statistics)
      return set_all(value_or_throw(FeatureStore::open(*fusion.statistics)),
                     *video);
    if (auto const* features = dynamic_cast<FeatureStore const*>(&train))
      set_all(*features, *video);
  });
}

}  // namespace gasm
