// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/write.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "gasm/base/error.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/log.hpp"
#include "gasm/synth/render.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A new folder that goes with the test.
class WriteSynth : public testing::Test {
 protected:
  void TearDown() override { set_write_fault(-1, 0); }

  SynthOptions tiny(char const* folder) const {
    return {.seed = 3,
            .output = root_ / folder,
            .num_train_draws = 2,
            .num_val_draws = 1,
            .num_test_draws = 1};
  }

  /// Every file below a folder with its bytes.
  static std::map<std::string, std::string> contents(fs::path const& folder) {
    std::map<std::string, std::string> files;
    for (auto const& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file())
        files[fs::relative(entry.path(), folder).string()] =
            value_or_throw(read_text(entry.path()));
    return files;
  }

  TempFolder root_;
};

/// The whole set in one part.
SynthReport write_all(SynthOptions const& options,
                      SynthProgress const& progress = {}) {
  claim_synth_folder(options);
  return write_synth(options, 0, 1, progress);
}

std::string file_named(std::vector<SynthFile> const& files,
                       std::string const& name) {
  for (auto const& file : files)
    if (file.name == name) return file.contents;
  ADD_FAILURE() << name << " is missing";
  return {};
}

TEST(PlanSynth, BalancesClassesAndNumbersClipsFromOne) {
  SynthOptions const options{.level = SynthLevel::m,
                             .num_train_draws = 5,
                             .num_val_draws = 3,
                             .num_test_draws = 2,
                             .num_swap_draws = 4};
  std::map<std::pair<SynthSplit, int>, int> counts;
  int expected_id = 0;
  std::set<std::tuple<SynthSplit, int, int>> seen;
  for (auto const& clip : plan_synth(options)) {
    EXPECT_EQ(clip.id, ++expected_id);
    ++counts[{clip.split, clip.label}];
    EXPECT_TRUE(seen.emplace(clip.split, clip.draw, clip.label).second);
  }
  EXPECT_EQ(expected_id, 12 * (5 + 3 + 2 + 3 + 4 + 3));
  for (int label = 0; label < 12; ++label) {
    EXPECT_EQ((counts[{SynthSplit::train, label}]), 5);
    EXPECT_EQ((counts[{SynthSplit::val_iid, label}]), 3);
    EXPECT_EQ((counts[{SynthSplit::test, label}]), 2);
    EXPECT_EQ((counts[{SynthSplit::val_shape, label}]), 3);
    EXPECT_EQ((counts[{SynthSplit::swap_train, label}]), 4);
    EXPECT_EQ((counts[{SynthSplit::val_swap, label}]), 3);
  }
}

TEST(PlanSynth, SwapPairCrossesMannersAndObjectSets) {
  for (auto level : {SynthLevel::s, SynthLevel::l}) {
    SynthOptions const options{.level = level,
                               .num_train_draws = 1,
                               .num_val_draws = 2,
                               .num_test_draws = 1,
                               .num_swap_draws = 2};
    SynthLabels const labels(level, SynthTask::full);
    bool const has_tempo = level == SynthLevel::l;
    for (auto const& clip : plan_synth(options)) {
      bool const second =
          manner_group(labels.event(clip.label), has_tempo) == 1;
      bool const held_out = static_cast<int>(clip.shape) >= 8;
      bool const expected = clip.split == SynthSplit::swap_train ? second
                            : clip.split == SynthSplit::val_swap
                                ? !second
                                : clip.split == SynthSplit::val_shape;
      EXPECT_EQ(held_out, expected) << to_string(clip.split);
    }
  }
}

TEST(AnnotationFiles, LabelsJsonIsAlphabeticalWithStringIds) {
  auto const files = annotation_files({.num_train_draws = 1});
  EXPECT_EQ(file_named(files, "labels.json"),
            "{\n"
            "\"Pushing something plain and something striped left then right\":"
            "\"0\",\n"
            "\"Pushing something plain and something striped right then left\":"
            "\"1\",\n"
            "\"Pushing something striped and something plain left then right\":"
            "\"2\",\n"
            "\"Pushing something striped and something plain right then left\":"
            "\"3\"\n"
            "}\n");
}

TEST(AnnotationFiles, RecordsByteForByte) {
  SynthOptions const options{
      .num_train_draws = 1, .num_val_draws = 1, .num_test_draws = 1};
  auto const files = annotation_files(options);
  std::string const shape = to_string(plan_synth(options)[0].shape);
  std::string want = "[\n";
  int id = 1;
  for (auto const& [first, second] :
       {std::pair("plain", "striped"), std::pair("striped", "plain")})
    for (char const* manner : {"left then right", "right then left"}) {
      want += fmt::format(
          "{{\"id\":\"{0}\",\"label\":\"pushing {1} {3} and {2} {3} {4}\","
          "\"template\":\"Pushing [something {1}] and [something {2}] {4}\","
          "\"placeholders\":[\"{1} {3}\",\"{2} {3}\"]}}{5}\n",
          id, first, second, shape, manner, id == 4 ? "" : ",");
      ++id;
    }
  EXPECT_EQ(file_named(files, "train.json"), want + "]\n");
  EXPECT_EQ(file_named(files, "test.json"),
            "[\n{\"id\":\"9\"},\n{\"id\":\"10\"},\n{\"id\":\"11\"},\n"
            "{\"id\":\"12\"}\n]\n");
  EXPECT_EQ(
      file_named(files, "test-answers.csv"),
      "9;Pushing something plain and something striped left then right\n"
      "10;Pushing something plain and something striped right then left\n"
      "11;Pushing something striped and something plain left then right\n"
      "12;Pushing something striped and something plain right then left\n");
}

TEST(AnnotationFiles, EveryRecordMapsToItsClassByTheOfficialRule) {
  for (auto task : {SynthTask::full, SynthTask::texture, SynthTask::motion}) {
    SynthOptions const options{.level = SynthLevel::xl,
                               .task = task,
                               .num_train_draws = 2,
                               .num_val_draws = 1,
                               .num_test_draws = 1};
    auto const files = annotation_files(options);
    auto const clips = plan_synth(options);
    auto const labels = nlohmann::json::parse(file_named(files, "labels.json"));
    for (char const* name :
         {"train.json", "validation.json", "validation-shape.json"})
      for (auto const& record :
           nlohmann::json::parse(file_named(files, name))) {
        std::string key = record["template"];
        auto const holes = std::count(key.begin(), key.end(), '[');
        std::erase_if(key, [](char c) { return c == '[' || c == ']'; });
        std::string const id = labels.at(key);
        auto const index = std::stoul(std::string(record["id"])) - 1;
        ASSERT_EQ(std::stoi(id), clips.at(index).label);
        ASSERT_EQ(static_cast<long>(record["placeholders"].size()), holes);
      }
  }
}

TEST(AnnotationFiles, LabelNoiseChangesTheAskedShareOfTrainOnly) {
  SynthOptions options{.num_train_draws = 1000, .num_val_draws = 50};
  auto const clean = annotation_files(options);
  options.label_noise = 0.2;
  auto const noisy = annotation_files(options);
  auto const before = nlohmann::json::parse(file_named(clean, "train.json"));
  auto const after = nlohmann::json::parse(file_named(noisy, "train.json"));
  int changed = 0;
  for (std::size_t i = 0; i < before.size(); ++i)
    changed += before[i]["template"] != after[i]["template"] ? 1 : 0;
  // Binomial(4000, 0.2): deviation 25.3; five of them.
  EXPECT_NEAR(changed, 800, 127);
  for (char const* name : {"labels.json", "validation.json", "test.json",
                           "test-answers.csv", "validation-shape.json"})
    EXPECT_EQ(file_named(clean, name), file_named(noisy, name));
}

TEST_F(WriteSynth, EveryFileIsTheSameOnAnyNumberOfParts) {
  write_all(tiny("one"));
  claim_synth_folder(tiny("three"));
  for (int part : {2, 0, 1}) write_synth(tiny("three"), part, 3);
  auto const one = contents(root_ / "one");
  auto const three = contents(root_ / "three");
  // 4 labels x (2 + 1 + 1 + 1) draws, 6 annotation files, synth.json.
  EXPECT_EQ(one.size(), 20U + 6U + 1U);
  EXPECT_TRUE(one.count("videos/20.webm"));
  EXPECT_EQ(one, three);
  for (auto const& [name, bytes] : one) EXPECT_GT(bytes.size(), 2U) << name;
}

TEST_F(WriteSynth, RunningAgainKeepsWhatIsThereAndMendsWhatIsNot) {
  auto const options = tiny("set");
  int calls = 0;
  int last_done = 0;
  auto const first = write_all(options, [&](int done, int total) {
    EXPECT_EQ(total, 20);
    EXPECT_EQ(done, last_done + 1);
    last_done = done;
    ++calls;
  });
  EXPECT_EQ(calls, 20);
  EXPECT_EQ(first.num_clips, 20);
  EXPECT_EQ(first.num_skipped, 0);
  EXPECT_GT(first.size_bytes, 0);
  auto const before = contents(options.output);
  fs::remove(options.output / "videos/7.webm");
  fs::resize_file(options.output / "videos/8.webm", 0);
  fs::remove(options.output / "labels/train.json");
  auto const second = write_all(options);
  EXPECT_EQ(second.num_skipped, 18);
  EXPECT_EQ(contents(options.output), before);
}

TEST_F(WriteSynth, RefusesAFolderThatHoldsAnotherSet) {
  auto options = tiny("set");
  options.num_train_draws = 1;
  write_all(options);
  auto const before = contents(options.output);
  options.seed = 4;
  for (int part : {0, 1}) {
    try {
      write_synth(options, part, 2);
      FAIL() << "mixed";
    } catch (Error const& e) {
      EXPECT_EQ(e.code(), ExitCode::usage);
      EXPECT_THAT(e.what(), HasSubstr("other options"));
    }
  }
  EXPECT_THROW(claim_synth_folder(options), Error);
  EXPECT_EQ(contents(options.output), before);
}

TEST_F(WriteSynth, RefusesAFolderWithFilesOfSomebodyElse) {
  auto const options = tiny("ssv2");
  for (char const* taken : {"labels/train.json", "videos/1.webm"}) {
    value_or_throw(make_folder((options.output / taken).parent_path()));
    value_or_throw(publish_file(options.output / taken, "precious"));
    auto const before = contents(options.output);
    try {
      claim_synth_folder(options);
      FAIL() << "claimed " << taken;
    } catch (Error const& e) {
      EXPECT_EQ(e.code(), ExitCode::usage);
      EXPECT_THAT(e.what(),
                  HasSubstr((options.output / taken).parent_path().string()));
      EXPECT_THAT(e.what(), HasSubstr("Try another --output"));
    }
    EXPECT_THROW(write_synth(options, 0, 2), Error);
    EXPECT_THROW(write_synth(options, 1, 2), Error);
    EXPECT_EQ(contents(options.output), before);
    fs::remove_all(options.output);
  }
  // Empty folders, as of a run that was killed early, are nobody's.
  value_or_throw(make_folder(options.output / "labels"));
  value_or_throw(make_folder(options.output / "videos"));
  EXPECT_EQ(write_all(options).num_clips, 20);
}

TEST_F(WriteSynth, AFullDiskIsNamedAndTheNextRunFinishes) {
  auto const options = tiny("set");
  set_write_fault(12, ENOSPC);
  try {
    write_all(options);
    FAIL() << "written";
  } catch (Error const& e) {
    EXPECT_THAT(e.what(), HasSubstr((options.output / "").string()));
    EXPECT_THAT(e.what(), HasSubstr("No space left"));
  }
  set_write_fault(-1, 0);
  write_all(options);
  write_all(tiny("other"));
  auto const mended = contents(options.output);
  for (auto const& [name, bytes] : contents(root_ / "other"))
    EXPECT_EQ(mended.at(name), bytes) << name;
}

TEST_F(WriteSynth, BadArgumentsAreUsageErrors) {
  auto options = tiny("set");
  EXPECT_THROW(write_synth(options, 2, 2), Error);
  EXPECT_THROW(write_synth(options, -1, 2), Error);
  EXPECT_THROW(write_synth(options, 0, 0), Error);
  options.output = "";
  EXPECT_THROW(write_synth(options, 0, 1), Error);
  EXPECT_THROW(claim_synth_folder(options), Error);
  EXPECT_TRUE(fs::is_empty(root_.path()));
}

TEST_F(WriteSynth, SynthJsonStatesBoundsOnlyWhereTheyHold) {
  auto options = tiny("proof");
  options.num_train_draws = 1;
  write_all(options);
  auto const proof = nlohmann::json::parse(
      value_or_throw(read_text(options.output / "synth.json")));
  EXPECT_EQ(proof["proves_bounds"], true);
  EXPECT_EQ(proof["bounds"]["bag_of_frames"], "1/4 = 25 %");
  EXPECT_EQ(proof["flip_map"]["2"], "3");
  options.output = root_ / "narrow";
  options.level = SynthLevel::l;
  options.gap_frames = 0;
  claim_synth_folder(options);
  auto const narrow = nlohmann::json::parse(
      value_or_throw(read_text(options.output / "synth.json")));
  // Move, rest, move: 3 frames span two excursions, 2 do not.
  EXPECT_EQ(narrow["bounds"]["max_snippet_frames"], 2);
  options.level = SynthLevel::s;
  options.gap_frames = {};
  set_log_quiet(true);
  options.output = root_ / "robust";
  options.pan_px = 6;
  testing::internal::CaptureStderr();
  write_all(options);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("bounds"));
  set_log_quiet(false);
  auto const robust = nlohmann::json::parse(
      value_or_throw(read_text(options.output / "synth.json")));
  EXPECT_EQ(robust["proves_bounds"], false);
  EXPECT_FALSE(robust.contains("bounds"));
}

}  // namespace
}  // namespace gasm
