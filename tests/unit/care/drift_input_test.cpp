// SPDX-License-Identifier: Apache-2.0
#include "gasm/care/drift_input.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <set>

#include "gasm/record/manifest.hpp"
#include "gasm/record/metrics.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class DriftInput : public testing::Test {
 protected:
  std::filesystem::path write(std::string const& name,
                              std::string const& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  std::string error_of(std::string const& text) const {
    auto const source = read_drift_source(write("bad.json", text));
    return source ? "it worked" : source.error().what();
  }

  TempFolder folder_;
};

std::string const manifest = R"({"videos": [
  {"id":"1","error":null,"xxh64":"00aa"},
  {"id":"2","error":"empty","xxh64":null},
  {"id":"3","error":"damaged","xxh64":"00bb"}]})";

std::string stats(int num_frames, int version, std::string const& split) {
  std::string const moments = R"({"count":5,"mean":2.5,"std":0.5})";
  return R"({"schema":"gasm.stats","version":)" + std::to_string(version) +
         R"(,"num_frames":)" + std::to_string(num_frames) +
         R"(,"splits":[{"split":")" + split +
         R"(","data_hash":"ff","num_measured":6,"num_errors":1,)" +
         R"("brightness":)" + moments + R"(,"motion":)" + moments +
         R"(,"classes":[{"name":"a","num_clips":4},{"name":"b","num_clips":2}]}]})";
}

TEST_F(DriftInput, ReadsManifests) {
  auto const source =
      value_or_throw(read_drift_source(write("m.json", manifest)));
  EXPECT_EQ(source.kind, DriftSourceKind::manifest);
  auto const& side = source.sides.at("");
  EXPECT_EQ(side.num_tried, 3);
  EXPECT_EQ(side.num_failed, 2);
  EXPECT_THAT(side.files,
              ElementsAre(Pair("1", "00aa"), Pair("2", ""), Pair("3", "")));
  EXPECT_FALSE(side.brightness);
}

TEST_F(DriftInput, ReadsStatistics) {
  auto const source =
      value_or_throw(read_drift_source(write("s.json", stats(16, 1, "train"))));
  EXPECT_EQ(source.kind, DriftSourceKind::stats);
  EXPECT_EQ(source.num_frames, 16);
  EXPECT_EQ(source.data_hash.at("train"), "ff");
  auto const& side = source.sides.at("train");
  EXPECT_EQ(side.num_failed, 1);
  EXPECT_THAT(side.classes, ElementsAre(Pair("a", 4), Pair("b", 2)));
  EXPECT_EQ(side.motion->count, 5);
  EXPECT_DOUBLE_EQ(side.motion->std, 0.5);
}

TEST_F(DriftInput, RefusesAllElse) {
  EXPECT_THAT(error_of(""), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of(manifest.substr(0, 60)), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of("[]"), HasSubstr("neither a manifest nor statistics"));
  EXPECT_THAT(error_of("{}"), HasSubstr("neither a manifest nor statistics"));
  EXPECT_THAT(error_of(R"({"videos": [{"id": 5}]})"), HasSubstr("form"));
  EXPECT_THAT(error_of(R"({"schema": 5})"), HasSubstr("form"));
  EXPECT_THAT(error_of(stats(16, 2, "train")),
              HasSubstr("version 2 of gasm.stats (wanted 1"));
  EXPECT_THAT(read_drift_source(folder_ / "none.json").error().what(),
              HasSubstr("No such file"));
}

TEST_F(DriftInput, ComparesOnlyWhatIsComparable) {
  auto const source = [&](std::string const& text) {
    return value_or_throw(read_drift_source(write("x.json", text)));
  };
  auto const compare = [&](std::string const& a, std::string const& b) {
    try {
      return std::to_string(compare_sources(source(a), source(b), {}).size());
    } catch (Error const& why) {
      EXPECT_EQ(why.code(), ExitCode::usage);
      return std::string(why.what());
    }
  };
  EXPECT_EQ(compare(manifest, manifest), "0");
  EXPECT_EQ(compare(stats(16, 1, "train"), stats(16, 1, "train")), "0");
  EXPECT_THAT(compare(manifest, stats(16, 1, "train")),
              HasSubstr("one is a manifest"));
  EXPECT_THAT(compare(stats(16, 1, "train"), stats(8, 1, "train")),
              HasSubstr("16 and 8 frames"));
  EXPECT_THAT(compare(stats(16, 1, "train"), stats(16, 1, "test")),
              HasSubstr("no split in common"));
}

TEST(RunBatchesTest, ClipsAreThoseOfThePlan) {
  RunBatches batches;
  batches.first_step = 1;
  batches.last_step = 3;
  batches.global_batch = 4;
  batches.micro_batch = 2;
  batches.seed = 5;
  // 10 clips in steps of 4, 4 and 2: steps 1 and 2 hold the last 6 of them.
  auto const last = clips_of(batches, 10);
  EXPECT_EQ(last.size(), 6U);
  batches.first_step = 0;
  auto const all = clips_of(batches, 10);
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), 10U);
  EXPECT_EQ(std::vector(all.begin() + 4, all.end()), last);
}

TEST(RunBatchesTest, StreamedClipsComeBlockByBlock) {
  RunBatches batches;
  batches.last_step = 2;
  batches.global_batch = 4;
  batches.micro_batch = 2;
  batches.seed = 5;
  batches.order = SampleOrder::blocks;
  batches.block_shuffle = {.block = 4, .window_blocks = 1};
  // Windows of one block each: a batch holds four neighbours of the file.
  auto const clips = clips_of(batches, 16);
  ASSERT_EQ(clips.size(), 8U);
  for (auto const* step : {&clips[0], &clips[4]}) {
    std::set<std::int64_t> const sorted(step, step + 4);
    EXPECT_EQ(sorted.size(), 4U);
    EXPECT_EQ(*sorted.begin() % 4, 0);
    EXPECT_EQ(*sorted.rbegin(), *sorted.begin() + 3);
  }
}

TEST_F(DriftInput, ARunOfStoreStreamIsReadAsOne) {
  auto const read = [&](std::string const& store) {
    write("config.yaml",
          "run: {name: r, seed: 5}\n"
          "data: {train: t.h5, val: v.h5, store: " +
              store + ", stream: {block: 8, window: 2}}\n");
    return value_or_throw(read_run_batches(folder_.path(), 50));
  };
  write("metrics.jsonl", format_metrics_line({.time_s = 1,
                                              .step = 3,
                                              .epoch = 1,
                                              .split = "train",
                                              .values = {}}) +
                             "\n");
  auto of_run = make_manifest({"gasm"}, 1);
  of_run.data_hashes["t.h5"] = "ff";
  value_or_throw(write_manifest(folder_ / "manifest.json", of_run));
  auto const stream = read("stream");
  EXPECT_EQ(stream.order, SampleOrder::blocks);
  EXPECT_EQ(stream.block_shuffle,
            (BlockShuffle{.block = 8, .window_blocks = 2}));
  EXPECT_EQ(read("auto").order, SampleOrder::shuffled);
}

TEST(SideOfClips, ByHand) {
  ClipStoreContents contents;
  contents.classes = {"a", "b"};
  contents.clips.resize(3);
  contents.clips[0].label = 1;
  contents.clips[1].label = 0;
  std::vector<std::int64_t> const clips = {0, 1, 2, 0};
  std::vector<ClipMeasure> measures(4);
  measures[0].brightness = 10;
  measures[0].motion = 1;
  measures[1].error = "damaged";
  measures[2].brightness = 20;
  measures[3] = measures[0];
  auto const side = side_of_clips("x", contents, clips, measures);
  EXPECT_EQ(side.num_tried, 4);
  EXPECT_EQ(side.num_failed, 1);
  EXPECT_THAT(side.classes, ElementsAre(Pair("a", 1), Pair("b", 2)));
  EXPECT_EQ(side.brightness->count, 3);
  EXPECT_DOUBLE_EQ(side.brightness->mean, 40.0 / 3);
  EXPECT_EQ(side.motion->count, 2);
}

}  // namespace
}  // namespace gasm
