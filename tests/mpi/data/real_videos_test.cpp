// SPDX-License-Identifier: Apache-2.0
// A folder of real files of third parties (tools/fetch_test_videos) through
// verify and pack. GASM_TEST_VIDEOS names another folder.
#include <gmock/gmock.h>

#include <cstdlib>
#include <map>

#include "gasm/base/file.hpp"
#include "gasm/data/pack.hpp"
#include "gasm/data/verify.hpp"
#include "gasm/store/clip_store.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

struct Expected {
  std::string codec;
  std::int64_t num_frames;  // by ffprobe -count_frames
};

/// By id, which is the file's name without its extension.
std::map<std::string, Expected> const expected = {
    {"gtk-logo", {"vp9", 140}},
    {"balle1-vp9", {"vp9", 295}},
    {"Effet_force_magnetique", {"theora", 34}},
    {"Principe_inertie", {"mpeg4", 28}},
    {"g1", {"mpeg4", 16}},
    {"webm", {"vp8", 166}},
    {"mp4", {"h264", 166}},
    {"mov", {"h264", 166}},
    {"ogg", {"theora", 166}},
    {"3gp", {"h263", 83}},
    {"realshort", {"h264", 36}},
    {"anim-1", {"mjpeg", 91}},
    {"homer", {"indeo3", 86}},
    {"alea", {"mpeg1video", 162}},
};

std::filesystem::path folder_of_real_videos() {
  auto const variable = [](char const* name) -> std::string {
    char const* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (auto const given = variable("GASM_TEST_VIDEOS"); !given.empty())
    return given;
  if (auto const deps = variable("GASM_DEPS"); !deps.empty())
    return std::filesystem::path(deps) / "test-videos";
  if (auto const cache = variable("XDG_CACHE_HOME"); !cache.empty())
    return std::filesystem::path(cache) / "gasm/test-videos";
  return std::filesystem::path(variable("HOME")) / ".cache/gasm/test-videos";
}

TEST(RealVideos, AreVerifiedAndPacked) {
  auto const folder = folder_of_real_videos();
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "NOT TESTED: no real videos in " << folder
                 << ". Run tools/fetch_test_videos.";
  AnnotatedSplit split;
  split.split = "validation";
  split.classes = {"Showing something real"};
  std::vector<std::string> ids;
  for (auto const& [id, wanted] : expected) {
    ids.push_back(id);
    Annotation record;
    record.id = id;
    record.label = 0;
    split.records.push_back(record);
  }
  VerifyOptions options;
  options.on_progress = [](auto, auto) {
    test_watchdog().progress("verified a video");
  };
  auto const report = verify_videos(test_world(), folder, ids, options);
  for (auto const& video : report.videos) {
    EXPECT_EQ(video.error, std::nullopt) << video.id << ": " << *video.error;
    EXPECT_EQ(video.codec, expected.at(video.id).codec) << video.id;
    EXPECT_EQ(video.num_frames, expected.at(video.id).num_frames) << video.id;
  }

  auto const path = shared_temp_folder() / "real.h5";
  pack_clips(test_world(), folder, split, path, {BadVideos::refuse, options});
  auto const store = value_or_throw(ClipStore::open(path));
  ASSERT_EQ(store.size(), static_cast<std::int64_t>(expected.size()));
  for (std::int64_t i = 0; i < store.size(); ++i)
    EXPECT_EQ(store.info(i).num_frames,
              expected.at(store.info(i).id).num_frames);
  EXPECT_EQ(value_or_throw(store.bytes(0)),
            value_or_throw(read_bytes(folder / (store.info(0).id + ".3gp"))));
}

}  // namespace
}  // namespace gasm
