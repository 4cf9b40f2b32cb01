// SPDX-License-Identifier: Apache-2.0
#include "gasm/extract/join_features.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>

#include "gasm/base/hash.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/store/feature_store.hpp"
#include "support/feature_files.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// 23 clips in units of 2, 3 test views of each, in two files of one stream.
class JoinFeatures : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = shared_temp_folder();
    for (auto* contents : {&semantic_, &motion_}) {
      contents->provenance =
          "data.sampling.frames: 16\nmodel.semantic.resolution: 224\n";
      contents->views = FeatureViews::test;
    }
    semantic_.motion.reset();
    semantic_.clips_hash = "aaaaaaaaaaaaaaaa";
    semantic_.provenance +=
        "data.sampling.order: shuffled\nmodel.semantic.kind: dinov3\n"
        "model.semantic.weights: xxh64 1\n";
    motion_.semantic.reset();
    motion_.clips_hash = "bbbbbbbbbbbbbbbb";
    motion_.provenance +=
        "data.sampling.order: sorted\nmodel.motion.kind: custom\n"
        "eval.crops: 1\n";
  }

  void write_parts() const {
    write_fake_store(test_world(), options_().semantic, semantic_);
    write_fake_store(test_world(), options_().motion, motion_);
  }

  JoinOptions options_() const {
    JoinOptions options;
    options.semantic = folder_ / "semantic.h5";
    options.motion = folder_ / "motion.h5";
    options.output = folder_ / "joined.h5";
    return options;
  }

  /// The message that all ranks end with; nothing is left behind.
  std::string refused() const {
    write_parts();
    std::string why = "it worked";
    try {
      join_features(test_world(), options_());
    } catch (AgreedError const& agreed) {
      why = agreed.what();
    }
    for (auto const& other : test_world().all_gather_strings(why))
      EXPECT_EQ(other, why);
    EXPECT_FALSE(fs::exists(options_().output));
    EXPECT_FALSE(fs::exists(folder_ / "joined.h5.partial"));
    return why;
  }

  fs::path folder_;
  FeatureStoreContents semantic_ = fake_contents(23, 3);
  FeatureStoreContents motion_ = fake_contents(23, 3);
};

// As one extraction of both streams would have written it, which knows neither
// of the two files.
TEST_F(JoinFeatures, TheFileOfBothStreamsByteForByte) {
  write_parts();
  auto const summary = join_features(test_world(), options_());
  EXPECT_TRUE(summary.is_complete);
  EXPECT_EQ(summary.num_clips, 23);
  EXPECT_EQ(summary.num_units, 12);
  // 69 records of 24 + 10 values of 2 bytes.
  EXPECT_EQ(summary.num_bytes, 69U * 34U * 2U);

  auto both = fake_contents(23, 3);
  both.views = FeatureViews::test;
  both.clips_hash = "aaaaaaaaaaaaaaaa+bbbbbbbbbbbbbbbb";
  both.provenance =
      "data.sampling.frames: 16\n"
      "model.semantic.resolution: 224\n"
      "data.sampling.order: shuffled (semantic), sorted (motion)\n"
      "model.semantic.kind: dinov3\n"
      "model.semantic.weights: xxh64 1\n"
      "eval.crops: nothing (semantic), 1 (motion)\n"
      "model.motion.kind: custom\n";
  write_fake_store(test_world(), folder_ / "both.h5", both);
  EXPECT_EQ(value_or_throw(xxh64_file(options_().output)),
            value_or_throw(xxh64_file(folder_ / "both.h5")));
  auto const store = value_or_throw(FeatureStore::open(options_().output));
  EXPECT_EQ(store.data_hash(), summary.data_hash);
}

TEST_F(JoinFeatures, TakesItsStreamOfAFileWithBoth) {
  auto both = fake_contents(23, 3);
  both.views = FeatureViews::test;
  both.provenance = semantic_.provenance + "model.motion.kind: other\n";
  both.clips_hash = semantic_.clips_hash;
  motion_.clips_hash = semantic_.clips_hash;
  write_fake_store(test_world(), options_().semantic, both);
  write_fake_store(test_world(), options_().motion, motion_);
  join_features(test_world(), options_());
  auto const store = value_or_throw(FeatureStore::open(options_().output));
  EXPECT_EQ(store.contents().clips_hash, semantic_.clips_hash);
  EXPECT_THAT(
      store.contents().provenance,
      AllOf(HasSubstr("model.motion.kind: custom\n"), Not(HasSubstr("other"))));
  auto const record = value_or_throw(read_record(store, 40));
  auto const wanted = fake_features(both, 13, 1, Stream::motion);
  EXPECT_TRUE(std::ranges::equal(record.parts[1], wanted));
}

TEST_F(JoinFeatures, GoesOnAndLeavesAFinishedFileAlone) {
  write_parts();
  auto options = options_();
  options.should_stop = [] { return true; };
  auto const stopped = join_features(test_world(), options);
  EXPECT_FALSE(stopped.is_complete);
  EXPECT_FALSE(fs::exists(options.output));
  // Each rank was stopped after one unit.
  auto const finished = join_features(test_world(), options_());
  EXPECT_TRUE(finished.is_complete);
  EXPECT_EQ(finished.num_units_before, test_world().size());
  auto const again = join_features(test_world(), options_());
  EXPECT_TRUE(again.was_there);
  EXPECT_EQ(again.data_hash, finished.data_hash);
}

TEST_F(JoinFeatures, RefusesWhatDoesNotBelongTogether) {
  using Change = std::function<void(FeatureStoreContents&)>;
  std::vector<std::pair<Change, std::string>> const cases = {
      {[](auto& c) { c.clips[5].id = "x"; }, "clip 5 is '26' and 'x'"},
      {[](auto& c) { c.clips[5].label = 2; }, "clip '26' has the classes 1"},
      {[](auto& c) { c.clips.pop_back(); }, "they hold 23 and 22 clips"},
      {[](auto& c) { c.classes[0] = "Else"; }, "their classes have other"},
      {[](auto& c) { c.split = "test"; }, "splits are 'train' and 'test'"},
      {[](auto& c) { c.num_views = 2; }, "they hold 3 and 2 views of a clip"},
      {[](auto& c) { c.type = FeatureType::fp32; }, "one holds fp16"},
      {[](auto& c) { c.batch = 4; }, "their --batch was 2 and 4"},
      {[](auto& c) { c.views = FeatureViews::random; }, "drawn at random"},
      {[](auto& c) {
         c.provenance =
             "data.sampling.frames: 8\nmodel.semantic.resolution: 224\n";
       },
       "data.sampling.frames: 16 there, 8 here"},
      {[](auto& c) { std::swap(c.semantic, c.motion); },
       "has no motion features"}};
  for (auto const& [change, why] : cases) {
    auto const kept = motion_;
    change(motion_);
    if (motion_.semantic) motion_.semantic = fake_stream({2, 3, 4});
    EXPECT_THAT(refused(), AllOf(HasSubstr(why), HasSubstr("Try gasm extract"),
                                 HasSubstr("motion.h5")));
    motion_ = kept;
  }
}

}  // namespace
}  // namespace gasm
