// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/open_store.hpp"

#include <utility>

#include "gasm/store/feature_store.hpp"

namespace gasm {

Result<std::unique_ptr<SampleStore>> open_store(
    std::filesystem::path const& path, ByteCheck check) {
  // What is no file at all is told as that.
  if (auto const file = DataFile::open(path); !file)
    return tl::unexpected(file.error());
  auto features = FeatureStore::open(path, check);
  if (features) return std::make_unique<FeatureStore>(*std::move(features));
  auto clips = ClipStore::open(path, check);
  if (clips) return std::make_unique<ClipStore>(*std::move(clips));
  return failure("{}; and it holds no clips either: {}",
                 features.error().what(), clips.error().what());
}

}  // namespace gasm
