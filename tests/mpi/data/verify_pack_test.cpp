// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "gasm/base/file.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/data/pack.hpp"
#include "gasm/data/verify.hpp"
#include "gasm/store/clip_store.hpp"
#include "support/clip_files.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A clip of moving colours, made by the ffmpeg tool.
void make_video(std::filesystem::path const& path, std::string const& size,
                int num_frames, std::string const& codec_options) {
  output_of(
      fmt::format("ffmpeg -v error -nostdin -y -f lavfi -i testsrc=size={}:rate"
                  "=12 -frames:v {} {} {}",
                  size, num_frames, codec_options, path.string()));
}

std::string const vp9 =
    "-c:v libvpx-vp9 -pix_fmt yuv420p -b:v 0 -crf 40 -deadline realtime "
    "-cpu-used 8 -threads 1";
std::string const h264 = "-c:v libx264 -pix_fmt yuv420p -threads 1";

/// Good videos 2, 10, 33 and a; 7 and 8 are equal.
void make_good_videos(std::filesystem::path const& folder) {
  make_video(folder / "2.webm", "128x96", 24, vp9);
  make_video(folder / "10.webm", "107x60", 9, vp9);
  make_video(folder / "33.mp4", "64x48", 13, h264);
  make_video(folder / "a.avi", "64x48", 5, "-c:v mpeg4");
  make_video(folder / "7.webm", "64x48", 6, vp9);
  std::filesystem::copy_file(folder / "7.webm", folder / "8.webm");
}

/// 4: empty; 5: text; 6: cut in half; 9: two files; 99 is not there.
void make_bad_videos(std::filesystem::path const& folder) {
  std::ofstream(folder / "4.webm").close();
  std::ofstream(folder / "5.webm") << "I am no video\n";
  auto const whole = value_or_throw(read_text(folder / "2.webm"));
  std::ofstream(folder / "6.webm", std::ios::binary)
      << whole.substr(0, whole.size() / 2);
  std::filesystem::copy_file(folder / "7.webm", folder / "9.webm");
  std::filesystem::copy_file(folder / "33.mp4", folder / "9.mp4");
  std::filesystem::copy_file(folder / "10.webm", folder / "nobody.webm");
  std::ofstream(folder / "notes.txt") << "not a video, and not meant as one";
}

class VerifyPack : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = shared_temp_folder();
    if (test_world().is_root()) {
      std::filesystem::create_directory(videos());
      make_good_videos(videos());
      make_bad_videos(videos());
    }
    test_world().barrier();
  }

  static std::filesystem::path videos() { return root_ / "videos"; }

  static VerifyReport verify(std::vector<std::string> const& ids) {
    return verify_videos(test_world(), videos(), ids);
  }

  static AnnotatedSplit split_of(std::vector<std::string> const& ids) {
    AnnotatedSplit split;
    split.split = "train";
    split.classes = {"Pushing something", "Lifting something"};
    for (auto const& id : ids) {
      Annotation record;
      record.id = id;
      record.label = static_cast<std::int64_t>(split.records.size() % 2);
      split.records.push_back(record);
    }
    return split;
  }

  static std::string pack_error(std::vector<std::string> const& ids,
                                PackOptions const& options = {}) {
    try {
      pack_clips(test_world(), videos(), split_of(ids), root_ / "bad.h5",
                 options);
    } catch (AgreedError const& why) {
      EXPECT_FALSE(std::filesystem::exists(root_ / "bad.h5"));
      return why.what();
    }
    return "it worked";
  }

  static std::filesystem::path root_;
};

std::filesystem::path VerifyPack::root_;

std::vector<std::string> const all_ids = {"a", "33", "10", "9", "2", "4",
                                          "5", "6",  "7",  "8", "99"};

TEST_F(VerifyPack, ReportsEveryListedVideo) {
  auto const report = verify(all_ids);
  std::vector<std::string> ids;
  for (auto const& video : report.videos) ids.push_back(video.id);
  ASSERT_THAT(ids, ElementsAre("2", "4", "5", "6", "7", "8", "9", "10", "33",
                               "99", "a"));
  auto const expect_good = [&](std::size_t i, std::string const& codec,
                               int num_frames, int width, int height) {
    auto const& video = report.videos[i];
    EXPECT_EQ(video.error, std::nullopt) << video.id << *video.error;
    EXPECT_EQ(video.codec, codec);
    EXPECT_EQ(video.num_frames, num_frames);
    EXPECT_EQ(video.width, width);
    EXPECT_EQ(video.height, height);
    EXPECT_EQ(video.xxh64, value_or_throw(xxh64_file(videos() / video.file)));
  };
  expect_good(0, "vp9", 24, 128, 96);
  expect_good(4, "vp9", 6, 64, 48);
  expect_good(5, "vp9", 6, 64, 48);
  expect_good(7, "vp9", 9, 107, 60);
  expect_good(8, "h264", 13, 64, 48);
  expect_good(10, "mpeg4", 5, 64, 48);
  EXPECT_THAT(*report.videos[1].error, HasSubstr("empty"));
  EXPECT_THAT(*report.videos[2].error, HasSubstr("not a webm file"));
  EXPECT_TRUE(report.videos[3].error.has_value());
  EXPECT_THAT(*report.videos[6].error,
              HasSubstr("two files have this id (9.mp4 and 9.webm)"));
  EXPECT_THAT(*report.videos[9].error, HasSubstr("no video file"));
  EXPECT_EQ(report.num_errors(), 5);
  EXPECT_THAT(report.missing, ElementsAre("99"));
  EXPECT_THAT(report.unlisted, ElementsAre("nobody.webm"));
  EXPECT_THAT(report.duplicates, ElementsAre(ElementsAre("7", "8")));
}

TEST_F(VerifyPack, CountsTheFramesThatFfprobeCounts) {
  auto const report = verify({"2", "10", "33", "a"});
  if (!test_world().is_root()) return;
  for (auto const& video : report.videos) {
    auto const counted = output_of(
        "ffprobe -v error -select_streams v:0 -count_frames -show_entries "
        "stream=nb_read_frames -of csv=p=0 " +
        (videos() / video.file).string());
    EXPECT_EQ(video.num_frames, std::stoi(counted)) << video.id;
  }
}

TEST_F(VerifyPack, ManifestIsTheSameForAnyNumberOfRanks) {
  auto const path = root_ / "manifest.json";
  auto const report = verify(all_ids);
  write_manifest(test_world(), report, path);
  auto const text = value_or_throw(read_text(path));
  EXPECT_EQ(text, manifest_json(
                      verify_videos(Communicator::self(), videos(), all_ids)));
  auto const json = nlohmann::json::parse(text);
  EXPECT_EQ(json["num_videos"], 11);
  EXPECT_EQ(json["num_errors"], 5);
  EXPECT_EQ(json["missing"], nlohmann::json({"99"}));
  EXPECT_EQ(json["unlisted"], nlohmann::json({"nobody.webm"}));
  EXPECT_EQ(json["duplicates"], nlohmann::json::parse(R"([["7", "8"]])"));
  auto const& first = json["videos"][0];
  auto const hash = to_hex(value_or_throw(xxh64_file(videos() / "2.webm")));
  EXPECT_EQ(first, nlohmann::json({{"id", "2"},
                                   {"num_frames", 24},
                                   {"codec", "vp9"},
                                   {"width", 128},
                                   {"height", 96},
                                   {"xxh64", hash},
                                   {"error", nullptr}}));
  auto const& missing = json["videos"][9];
  EXPECT_EQ(missing["id"], "99");
  EXPECT_TRUE(missing["xxh64"].is_null());
  EXPECT_TRUE(missing["codec"].is_null());
  EXPECT_TRUE(missing["error"].is_string());
}

TEST_F(VerifyPack, ManifestOfAGoodFolderHasNoErrors) {
  auto const json = nlohmann::json::parse(manifest_json(verify({"2"})));
  EXPECT_EQ(json["num_errors"], 0);
  EXPECT_THAT(json["missing"], IsEmpty());
}

TEST_F(VerifyPack, FolderThatIsNotThere) {
  EXPECT_THROW(verify_videos(test_world(), root_ / "nowhere", all_ids),
               AgreedError);
}

TEST_F(VerifyPack, ManifestThatCannotBeWritten) {
  EXPECT_THROW(
      write_manifest(test_world(), verify({"2"}), root_ / "nowhere/m.json"),
      AgreedError);
}

TEST_F(VerifyPack, PacksASplitInItsOrder) {
  auto const path = root_ / "clips.h5";
  std::vector<std::string> const ids = {"33", "2", "a", "10", "8"};
  auto const summary = pack_clips(test_world(), videos(), split_of(ids), path);
  EXPECT_EQ(summary.num_clips, 5);
  EXPECT_THAT(summary.skipped, IsEmpty());

  auto const store = value_or_throw(ClipStore::open(path));
  EXPECT_EQ(store.data_hash(), summary.data_hash);
  EXPECT_EQ(store.total_bytes(), summary.total_bytes);
  ASSERT_EQ(store.size(), 5);
  std::vector<std::string> const files = {"33.mp4", "2.webm", "a.avi",
                                          "10.webm", "8.webm"};
  std::vector<std::uint32_t> const num_frames = {13, 24, 5, 9, 6};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto const clip = static_cast<std::int64_t>(i);
    EXPECT_EQ(store.info(clip).id, ids[i]);
    EXPECT_EQ(store.info(clip).label, static_cast<int>(i % 2));
    EXPECT_EQ(store.info(clip).num_frames, num_frames[i]);
    EXPECT_EQ(value_or_throw(store.bytes(clip)),
              value_or_throw(read_bytes(videos() / files[i])));
  }
  auto const alone = root_ / fmt::format("alone-{}.h5", test_world().rank());
  pack_clips(Communicator::self(), videos(), split_of(ids), alone);
  EXPECT_EQ(value_or_throw(xxh64_file(alone)),
            value_or_throw(xxh64_file(path)));
}

TEST_F(VerifyPack, RefusesBadVideosAndNamesThem) {
  EXPECT_THAT(pack_error({"2", "5", "99", "10", "4"}),
              AllOf(HasSubstr("3 of 5 videos of split 'train' cannot be "
                              "packed: 4 (the file is empty)"),
                    HasSubstr("5 (not a webm file"),
                    HasSubstr("99 (there is no video file of this id)"),
                    HasSubstr("--allow-bad")));
}

TEST_F(VerifyPack, NamesOnlyTheFirstOfManyBadVideos) {
  std::vector<std::string> ids = {"2"};
  for (int i = 1000; i < 1025; ++i) ids.push_back(std::to_string(i));
  EXPECT_THAT(pack_error(ids), AllOf(HasSubstr("25 of 26"), HasSubstr("1009 ("),
                                     HasSubstr("and 15 more")));
}

TEST_F(VerifyPack, SkipsBadVideosIfAllowed) {
  PackOptions options;
  options.bad_videos = BadVideos::skip;
  auto const path = root_ / "some.h5";
  auto const summary = pack_clips(
      test_world(), videos(), split_of({"99", "2", "5", "10"}), path, options);
  EXPECT_EQ(summary.num_clips, 2);
  ASSERT_EQ(summary.skipped.size(), 2U);
  EXPECT_EQ(summary.skipped[0].id, "5");
  EXPECT_EQ(summary.skipped[1].id, "99");
  auto const store = value_or_throw(ClipStore::open(path));
  EXPECT_EQ(store.info(0).id, "2");
  EXPECT_EQ(store.info(0).label, 1);
  EXPECT_EQ(store.info(1).id, "10");
  EXPECT_THAT(pack_error({"99", "5"}, options),
              HasSubstr("no video is left to pack"));
}

}  // namespace
}  // namespace gasm
