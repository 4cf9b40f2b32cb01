// SPDX-License-Identifier: Apache-2.0
#include "finished_file.hpp"

#include "gasm/base/error.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/store/feature_store.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

std::uint64_t find_on_root(fs::path const& output, UnfinishedUse unfinished,
                           FeatureStoreContents const& contents) {
  if (unfinished == UnfinishedUse::start_anew || !fs::exists(output)) return 0;
  auto const store = FeatureStore::open(output);
  if (store && index_hash(store->contents()) == index_hash(contents))
    return store->data_hash();
  throw usage_error(
      "{} is there and {}. Try --restart to replace it, or another --output",
      output.string(),
      store ? "holds other features (of other clips or settings)"
            : "is no finished feature store");
}

}  // namespace

std::uint64_t find_finished(Communicator const& world, fs::path const& output,
                            UnfinishedUse unfinished,
                            FeatureStoreContents const& contents) {
  auto hash = agree_call(world, [&] {
    return world.is_root() ? find_on_root(output, unfinished, contents)
                           : std::uint64_t{0};
  });
  world.broadcast(hash);
  return hash;
}

}  // namespace gasm
