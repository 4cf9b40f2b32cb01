// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>

#include "gasm/base/file.hpp"
#include "gasm/care/data_stats.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/data/pack.hpp"
#include "gasm/store/clip_store.hpp"
#include "support/clip_files.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

/// Stores "a" of three clips and "b" of one: a still grey, a picture that
/// jumps between black and white, one frame alone, and the grey one again.
class CollectStats : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = shared_temp_folder();
    if (test_world().is_root()) {
      fs::create_directory(root_ / "videos");
      make("1", "color=c=0x808080:size=64x48:rate=12", 24);
      make("2", "geq=lum='235*mod(N,2)+16*(1-mod(N,2))':cb=128:cr=128", 8);
      make("3", "color=c=white:size=64x48:rate=10", 1);
      fs::copy_file(file("1"), file("4"));
    }
    test_world().barrier();
    pack("a", {"1", "2", "3"}, {"Pushing", "Lifting"});
    pack("b", {"4"}, {"Pushing", "Lifting"});
    pack("other", {"4"}, {"Pushing", "Dropping"});
  }

  static fs::path file(std::string const& id) {
    return root_ / "videos" / (id + ".webm");
  }
  static fs::path store(std::string const& name) {
    return root_ / (name + ".h5");
  }

  static void make(std::string const& id, std::string const& source,
                   int num_frames) {
    bool const is_filter = source.starts_with("geq");
    output_of(fmt::format(
        "ffmpeg -v error -nostdin -y -f lavfi -i \"{}{}\" -frames:v {} "
        "-c:v libvpx-vp9 -pix_fmt yuv420p -lossless 1 -deadline realtime "
        "-cpu-used 8 -threads 1 {}",
        is_filter ? "nullsrc=size=64x48:rate=12," : "", source, num_frames,
        file(id).string()));
  }

  static void pack(std::string const& name, std::vector<std::string> ids,
                   std::vector<std::string> classes) {
    AnnotatedSplit split;
    split.split = name;
    split.classes = std::move(classes);
    for (auto& id : ids) {
      Annotation record;
      record.id = std::move(id);
      record.label = 0;
      split.records.push_back(record);
    }
    pack_clips(test_world(), root_ / "videos", split, store(name));
  }

  static fs::path root_;
};

fs::path CollectStats::root_;

TEST_F(CollectStats, FiguresByHand) {
  std::vector<fs::path> const stores = {store("a"), store("b")};
  auto const stats = collect_stats(test_world(), stores);
  ASSERT_EQ(stats.splits.size(), 2U);
  auto const& a = stats.splits[0];
  EXPECT_EQ(a.num_clips, 3);
  EXPECT_EQ(a.num_measured, 3);
  EXPECT_THAT(a.errors, IsEmpty());
  EXPECT_THAT(a.codecs, ElementsAre(Pair("vp9", 3)));
  EXPECT_EQ(a.frame_rates.at("12"), 2);
  // 128, half of 255 and 255.
  EXPECT_NEAR(a.brightness.min, 127.5, 1);
  EXPECT_NEAR(a.brightness.median, 128, 1);
  EXPECT_NEAR(a.brightness.max, 255, 1);
  // Still, black against white; the single frame has no motion.
  EXPECT_EQ(a.motion.count, 2);
  EXPECT_NEAR(a.motion.min, 0, 0.1);
  EXPECT_NEAR(a.motion.max, 255, 1);
  EXPECT_NEAR(a.seconds.max, 2.0, 0.01);
  EXPECT_THAT(stats.duplicates, ElementsAre(ElementsAre("a:1", "b:4")));
}

TEST_F(CollectStats, DoNotDependOnTheNumberOfRanks) {
  // More ranks than clips in "b", and a clip is as often asked for as wanted.
  std::vector<fs::path> const stores = {store("a"), store("b")};
  auto const together = collect_stats(test_world(), stores);
  auto const alone = collect_stats(Communicator::self(), stores);
  EXPECT_EQ(stats_json(together), stats_json(alone));
  EXPECT_EQ(stats_page(together), stats_page(alone));
}

TEST_F(CollectStats, SamplesAreMeasuredAndAllAreCounted) {
  StatsOptions options;
  options.sample = 1;
  std::int64_t last_done = -1;
  std::int64_t last_total = -1;
  options.measure.on_progress = [&](auto done, auto total) {
    EXPECT_EQ(done, last_done + 1);
    last_done = done;
    last_total = total;
  };
  std::vector<fs::path> const stores = {store("a"), store("b")};
  auto const stats = collect_stats(test_world(), stores, options);
  EXPECT_EQ(stats.splits[0].num_clips, 3);
  EXPECT_EQ(stats.splits[0].num_measured, 1);
  EXPECT_EQ(stats.splits[0].frames.count, 3);
  EXPECT_EQ(last_done, last_total);
}

TEST_F(CollectStats, DamagedClipsAreErrors) {
  auto const path = root_ / "damaged.h5";
  if (test_world().is_root()) {
    auto text = value_or_throw(read_text(store("a")));
    auto const opened = value_or_throw(ClipStore::open(store("a")));
    auto const bytes = value_or_throw(opened.bytes(1));
    auto const at = text.find(
        std::string(reinterpret_cast<char const*>(bytes.data()), bytes.size()));
    ASSERT_NE(at, std::string::npos);
    for (std::size_t i = 100; i < 140; ++i) text[at + i] ^= 0x55;
    std::ofstream(path, std::ios::binary) << text;
  }
  test_world().barrier();
  std::vector<fs::path> const stores = {path};
  auto const stats = collect_stats(test_world(), stores);
  ASSERT_EQ(stats.splits[0].errors.size(), 1U);
  EXPECT_EQ(stats.splits[0].errors[0].first, "2");
  EXPECT_THAT(stats.splits[0].errors[0].second, HasSubstr("has changed"));
  EXPECT_EQ(stats.splits[0].brightness.count, 2);
}

TEST_F(CollectStats, BadInput) {
  auto const message = [](std::vector<fs::path> const& stores,
                          StatsOptions const& options = {}) {
    try {
      collect_stats(test_world(), stores, options);
      return std::string("it worked");
    } catch (AgreedError const& why) {
      return std::string(why.what());
    }
  };
  EXPECT_THAT(message({root_ / "none.h5"}), HasSubstr("none.h5"));
  EXPECT_THAT(message({store("a"), store("other")}),
              HasSubstr("have different classes"));
  StatsOptions options;
  options.measure.num_frames = 1;
  EXPECT_THAT(message({store("a")}, options), HasSubstr("1 frames (2 to"));
}

}  // namespace
}  // namespace gasm
