// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/manifest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <string>

#include "gasm/base/file.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

TEST(Manifest, NamesThisProcess) {
  auto const manifest = make_manifest({"gasm", "train"}, 3);
  EXPECT_FALSE(manifest.host.empty());
  EXPECT_EQ(manifest.world_size, 3);
  EXPECT_EQ(manifest.build.version, build_info().version);
  EXPECT_THAT(manifest.start_time, MatchesRegex("[0-9-]{10}T[0-9:]{8}Z"));
  EXPECT_EQ(manifest.state, RunState::running);
}

TEST(Manifest, ReadsBack) {
  TempFolder const folder;
  auto const path = folder / "manifest.json";
  auto manifest = make_manifest({"gasm", "train", "--set", "a b\"c"}, 2);
  manifest.libraries = {{"torch", "2.11.0"}, {"hdf5", "1.10.8"}};
  manifest.config_digest = "0123456789abcdef";
  manifest.data_hashes = {{"data/train.h5", "ffffffffffffffff"}};
  ASSERT_TRUE(write_manifest(path, manifest));
  auto got = value_or_throw(read_manifest(path));
  EXPECT_EQ(got.end_time, std::nullopt);
  EXPECT_EQ(got.resumed_from, std::nullopt);
  EXPECT_EQ(got.started_from, std::nullopt);
  EXPECT_EQ(got.state, RunState::running);
  manifest.resumed_from = "runs/b/checkpoints/step-7";
  manifest.started_from = "/runs/a/checkpoints/step-3";

  for (auto const state : {RunState::done, RunState::stopped, RunState::failed,
                           RunState::running}) {
    manifest.state = state;
    manifest.end_time = "2026-01-02T03:04:05Z";
    manifest.message = "signal 15";
    ASSERT_TRUE(write_manifest(path, manifest));
    got = value_or_throw(read_manifest(path));
    EXPECT_EQ(got.state, state);
  }
  EXPECT_EQ(got.end_time, manifest.end_time);
  EXPECT_EQ(got.message, "signal 15");
  EXPECT_EQ(got.resumed_from, "runs/b/checkpoints/step-7");
  EXPECT_EQ(got.started_from, "/runs/a/checkpoints/step-3");
  EXPECT_EQ(got.libraries, manifest.libraries);
  EXPECT_EQ(got.data_hashes, manifest.data_hashes);
  EXPECT_THAT(got.argv, ElementsAre("gasm", "train", "--set", "a b\"c"));
  EXPECT_EQ(got.host, manifest.host);
  EXPECT_EQ(got.world_size, 2);
  EXPECT_EQ(got.config_digest, manifest.config_digest);
  EXPECT_EQ(got.build.commit, manifest.build.commit);
  EXPECT_EQ(got.build.dirty, manifest.build.dirty);
  EXPECT_EQ(got.start_time, manifest.start_time);
}

TEST(Manifest, KeysAreAsDocumented) {
  TempFolder const folder;
  ASSERT_TRUE(write_manifest(folder / "m.json", make_manifest({"gasm"}, 1)));
  auto const json =
      nlohmann::json::parse(value_or_throw(read_text(folder / "m.json")));
  EXPECT_EQ(json["state"], "running");
  EXPECT_TRUE(json["end_time"].is_null());
  EXPECT_EQ(json["gasm"]["commit"], build_info().commit);
  EXPECT_EQ(json["argv"][0], "gasm");
}

TEST(Manifest, ArgumentsNeedNotBeUtf8) {
  TempFolder const folder;
  ASSERT_TRUE(
      write_manifest(folder / "m.json", make_manifest({"\xff\xfe"}, 1)));
  EXPECT_TRUE(read_manifest(folder / "m.json"));
}

TEST(Manifest, AFullDiskKeepsTheOldOne) {
  TempFolder const folder;
  auto const path = folder / "m.json";
  auto manifest = make_manifest({"gasm"}, 1);
  ASSERT_TRUE(write_manifest(path, manifest));
  manifest.state = RunState::done;
  for (long n = 0; n < 3; ++n) {
    set_write_fault(n, ENOSPC);
    auto const written = write_manifest(path, manifest);
    set_write_fault(-1, 0);
    ASSERT_FALSE(written) << n;
    EXPECT_THAT(written.error().what(), HasSubstr("No space left"));
    EXPECT_EQ(value_or_throw(read_manifest(path)).state, RunState::running);
  }
}

TEST(Manifest, ForeignFilesAreRefused) {
  TempFolder const folder;
  auto const path = folder / "m.json";
  for (std::string const bad : {"", "{", "{}", "[]", R"({"schema": 2})",
                                R"({"schema": 1, "state": "asleep"})"}) {
    ASSERT_TRUE(publish_file(path, bad));
    auto const got = read_manifest(path);
    ASSERT_FALSE(got) << bad;
    EXPECT_THAT(got.error().what(), HasSubstr("m.json is not a manifest"));
  }
}

}  // namespace
}  // namespace gasm
