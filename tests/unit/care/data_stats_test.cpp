// SPDX-License-Identifier: Apache-2.0
#include "gasm/care/data_stats.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

namespace gasm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

/// Five clips of two classes and one without; 1 and 4 have equal bytes.
ClipStoreContents contents() {
  ClipStoreContents found;
  found.split = "train";
  found.classes = {"Pushing <something>", "Lifting something"};
  auto const add = [&](char const* id, int label, unsigned num_frames,
                       std::uint64_t hash) {
    ClipInfo clip;
    clip.id = id;
    clip.label = static_cast<std::int16_t>(label);
    clip.num_frames = num_frames;
    clip.width = 427;
    clip.height = 240;
    clip.num_bytes = 1000;
    clip.xxh64 = hash;
    found.clips.push_back(clip);
  };
  add("1", 0, 24, 7);
  add("2", 1, 36, 8);
  add("3", 1, 48, 9);
  add("4", 0, 24, 7);
  add("5", -1, 60, 10);
  found.clips[4].width = 320;
  return found;
}

std::vector<ClipMeasure> measures() {
  return {{"vp9", 12.0, 100.0, 4.0, {}},
          {"vp9", 12.0, 110.0, 6.0, {}},
          {"h264", 0.0, 120.0, {}, {}},
          {"vp9", 12.0, 0.0, {}, "damaged <video>"}};
}

SplitStats split() {
  std::vector<std::int64_t> const clips = {0, 1, 2, 4};
  return summarise(contents(), clips, measures());
}

TEST(DataStats, SumsByHand) {
  auto const stats = split();
  EXPECT_EQ(stats.num_clips, 5);
  EXPECT_EQ(stats.num_unlabelled, 1);
  EXPECT_EQ(stats.num_bytes, 5000U);
  EXPECT_EQ(stats.num_measured, 4);
  EXPECT_THAT(stats.errors, ElementsAre(Pair("5", "damaged <video>")));
  EXPECT_DOUBLE_EQ(stats.frames.mean, (24 + 36 + 48 + 24 + 60) / 5.0);
  EXPECT_EQ(stats.seconds.count, 2);  // the third has no rate
  EXPECT_DOUBLE_EQ(stats.seconds.mean, 2.5);
  EXPECT_DOUBLE_EQ(stats.brightness.mean, 110);
  EXPECT_EQ(stats.motion.count, 2);
  EXPECT_DOUBLE_EQ(stats.motion.mean, 5);
  EXPECT_THAT(stats.sizes, ElementsAre(Pair("320x240", 1), Pair("427x240", 4)));
  EXPECT_THAT(stats.codecs, ElementsAre(Pair("h264", 1), Pair("vp9", 2)));
  EXPECT_THAT(stats.frame_rates,
              ElementsAre(Pair("12", 2), Pair("unknown", 1)));
  ASSERT_EQ(stats.classes.size(), 2U);
  EXPECT_EQ(stats.classes[0].num_clips, 2);
  EXPECT_EQ(stats.classes[0].num_measured, 1);
  EXPECT_DOUBLE_EQ(stats.classes[1].mean_frames, 42);
  EXPECT_DOUBLE_EQ(stats.classes[1].mean_seconds, 3);
  EXPECT_DOUBLE_EQ(stats.classes[1].mean_brightness, 115);
  EXPECT_DOUBLE_EQ(stats.classes[1].mean_motion, 6);
}

TEST(DataStats, DuplicatesWithinAndAcrossStores) {
  auto const train = contents();
  auto val = contents();
  val.split = "validation";
  for (auto& clip : val.clips) clip.xxh64 += 100;
  val.clips[2].xxh64 = 8;
  std::vector<ClipStoreContents const*> const both = {&train, &val};
  EXPECT_THAT(find_duplicate_clips(both),
              ElementsAre(ElementsAre("train:1", "train:4"),
                          ElementsAre("train:2", "validation:3"),
                          ElementsAre("validation:1", "validation:4")));
  val.clips[2].num_bytes = 1001;
  EXPECT_EQ(find_duplicate_clips(both).size(), 2U);
}

TEST(DataStats, SamplesAreFixedAndDifferent) {
  EXPECT_THAT(sample_clips(3, 9), ElementsAre(0, 1, 2));
  auto const some = sample_clips(1000, 50);
  EXPECT_EQ(some, sample_clips(1000, 50));
  EXPECT_EQ(std::set(some.begin(), some.end()).size(), 50U);
  EXPECT_TRUE(std::ranges::is_sorted(some));
  EXPECT_GE(some.front(), 0);
  EXPECT_LT(some.back(), 1000);
  EXPECT_GT(some.back(), 800);  // spread, not the first ones
}

DataStats stats() {
  DataStats found;
  found.num_frames = 16;
  found.classes = contents().classes;
  found.splits = {split()};
  found.duplicates = {{"train:1", "train:4"}};
  return found;
}

TEST(DataStats, JsonHoldsTheFigures) {
  auto const json = nlohmann::json::parse(stats_json(stats()));
  EXPECT_EQ(json["schema"], "gasm.stats");
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["num_frames"], 16);
  auto const& train = json["splits"][0];
  EXPECT_EQ(train["num_clips"], 5);
  EXPECT_EQ(train["num_errors"], 1);
  EXPECT_EQ(train["errors"][0]["id"], "5");
  EXPECT_EQ(train["sizes"]["427x240"], 4);
  EXPECT_EQ(train["brightness"]["mean"], 110.0);
  EXPECT_EQ(train["frames"]["histogram"]["width"], 2.0);  // 36 / 32 -> 2
  EXPECT_EQ(train["classes"][1]["name"], "Lifting something");
  EXPECT_EQ(train["classes"][1]["mean_frames"], 42.0);
  EXPECT_EQ(json["duplicates"][0], nlohmann::json({"train:1", "train:4"}));
}

TEST(DataStats, PageIsWholeAndNeedsNothingElse) {
  auto const page = stats_page(stats());
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
  EXPECT_TRUE(page.ends_with("</html>\n"));
  for (auto const* foreign : {"<script", "http:", "https:", "url(", "src="})
    EXPECT_THAT(page, Not(HasSubstr(foreign)));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(page, HasSubstr("Pushing &lt;something&gt;"));
  EXPECT_THAT(page, HasSubstr("train:5: damaged &lt;video&gt;"));
  EXPECT_THAT(page, HasSubstr("train:1 = train:4"));
  EXPECT_THAT(page, Not(HasSubstr("nan")));
}

TEST(DataStats, PageOfNothingMeasured) {
  DataStats empty;
  empty.num_frames = 16;
  empty.classes = contents().classes;
  empty.splits = {summarise(contents(), {}, {})};
  auto const page = stats_page(empty);
  EXPECT_THAT(page, HasSubstr("not known"));
  EXPECT_THAT(page, Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace gasm
