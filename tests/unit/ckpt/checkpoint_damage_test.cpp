// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "checkpoint_manifest.hpp"
#include "checkpoint_shards.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/ckpt/checkpoint.hpp"
#include "gasm/ckpt/weights.hpp"
#include "gasm/comm/agree.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

constexpr int kRanks = 3;

/// w, b and n are on all ranks, and rank r has a third of the moments of w.
CheckpointShare share_of(std::int64_t step, int rank) {
  CheckpointShare share{.step = step, .sets = {}, .facts = {}};
  auto& model = share.sets["model"].common;
  model.tensors = {{"w", at::arange(12, at::kFloat).view({3, 4}) + step},
                   {"b", at::arange(4, at::kDouble)},
                   {"n", at::full({}, step, at::kLong)}};
  model.metadata = {{"format", "pt"}};
  auto& optimizer = share.sets["optimizer"];
  optimizer.is_divided = true;
  optimizer.common.tensors = {{"num_steps", at::full({}, step, at::kLong)}};
  auto const name = "exp_avg.w@" + std::to_string(4 * rank);
  optimizer.own[name] = at::arange(4 * rank, 4 * rank + 4, at::kFloat);
  optimizer.slices[name] = {
      .of = "exp_avg.w", .from = 4 * rank, .shape = {3, 4}};
  return share;
}

class CheckpointDamage : public ::testing::Test {
 protected:
  CheckpointDamage() {
    save(1);
    save(2);
  }

  void save(std::int64_t step) {
    auto const path = store_.unfinished(step, "job");
    value_or_throw(store_.prepare(path));
    CheckpointManifest manifest{.step = step,
                                .num_ranks = kRanks,
                                .score = std::nullopt,
                                .facts = {},
                                .files = {}};
    for (int rank = 0; rank < kRanks; ++rank)
      manifest.files.merge(value_or_throw(
          write_shards(path, share_of(step, rank).sets,
                       {.rank = rank, .num_ranks = kRanks, .min_bytes = 0})));
    value_or_throw(store_.publish(path, manifest, {.keep_last = 9}));
  }

  fs::path newest() const { return store_.folder() / "step-2"; }
  fs::path shard(std::string const& set, int i) const {
    return newest() / fmt::format("{}-0000{}-of-00003.safetensors", set, i);
  }

  /// The manifest's word for a file is made true again.
  void sign(fs::path const& path) const {
    auto manifest = value_or_throw(read_checkpoint_manifest(newest()));
    auto& file = manifest.files.at(path.filename().string());
    file.num_bytes = fs::file_size(path);
    file.xxh64 = to_hex(value_or_throw(xxh64_file(path)));
    value_or_throw(write_checkpoint_manifest(newest(), manifest));
  }

  /// The newest is refused for a reason, and the one before it taken.
  void expect_passed_over(testing::Matcher<std::string> const& why) const {
    auto const refused = store_.load(newest());
    ASSERT_FALSE(refused);
    EXPECT_THAT(std::string(refused.error().what()),
                AllOf(HasSubstr(newest().string()), why));
    auto const found = load_newest_checkpoint(Communicator::self(), store_);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->step, 1);
  }

  /// Changes the JSON header of a file, and its length.
  static void edit_header(fs::path const& path,
                          std::function<void(json&)> const& edit) {
    auto const bytes = value_or_throw(read_text(path));
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof(length));
    auto header = json::parse(bytes.substr(sizeof(length), length));
    edit(header);
    auto const text = header.dump();
    length = text.size();
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<char const*>(&length), sizeof(length));
    std::uint64_t old = 0;
    std::memcpy(&old, bytes.data(), sizeof(old));
    out << text << bytes.substr(sizeof(old) + old);
  }

  TempFolder folder_;
  CheckpointStore store_{folder_ / "checkpoints"};
};

TEST_F(CheckpointDamage, WholeItIsWhatTheRanksHad) {
  auto const loaded = value_or_throw(store_.load(newest()));
  auto const expected = share_of(2, 0).sets.at("model").common;
  for (auto const& [name, tensor] : expected.tensors)
    EXPECT_TRUE(at::equal(loaded.files.at("model").tensors.at(name), tensor));
  auto const& optimizer = loaded.files.at("optimizer").tensors;
  ASSERT_EQ(optimizer.size(), 2U);
  EXPECT_TRUE(at::equal(optimizer.at("exp_avg.w"),
                        at::arange(12, at::kFloat).view({3, 4})));
  EXPECT_EQ(optimizer.at("num_steps").item<std::int64_t>(), 2);
  // The shards of the model are those of the Hugging Face hub.
  auto const as_weights =
      value_or_throw(read_weights(newest() / "model.safetensors.index.json"));
  ASSERT_EQ(as_weights.tensors.size(), 3U);
  for (auto const& [name, tensor] : expected.tensors)
    EXPECT_TRUE(at::equal(as_weights.tensors.at(name), tensor));
}

TEST_F(CheckpointDamage, AMissingShard) {
  fs::remove(shard("optimizer", 2));
  expect_passed_over(
      HasSubstr("optimizer-00002-of-00003.safetensors is missing"));
}

TEST_F(CheckpointDamage, ARenamedShard) {
  fs::rename(shard("model", 3), newest() / "model-3.safetensors");
  expect_passed_over(HasSubstr("model-00003-of-00003.safetensors is missing"));
}

TEST_F(CheckpointDamage, ShardsThatChangedPlaces) {
  fs::rename(shard("optimizer", 2), newest() / "x");
  fs::rename(shard("optimizer", 3), shard("optimizer", 2));
  fs::rename(newest() / "x", shard("optimizer", 3));
  expect_passed_over(HasSubstr("its manifest says"));
}

TEST_F(CheckpointDamage, AShardThatIsCutShort) {
  fs::resize_file(shard("model", 1), fs::file_size(shard("model", 1)) - 1);
  expect_passed_over(HasSubstr("bytes, its manifest says"));
}

TEST_F(CheckpointDamage, AFlippedByteOfAnyFile) {
  for (auto const& entry : fs::directory_iterator(newest())) {
    if (entry.path().filename() == "manifest.json") continue;
    auto const good = value_or_throw(read_text(entry.path()));
    auto bytes = good;
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
    std::ofstream(entry.path(), std::ios::binary) << bytes;
    expect_passed_over(AllOf(HasSubstr("has the checksum"),
                             HasSubstr(entry.path().filename().string())));
    std::ofstream(entry.path(), std::ios::binary) << good;
  }
  EXPECT_TRUE(store_.load(newest()));
}

TEST_F(CheckpointDamage, AForeignManifest) {
  fs::copy_file(store_.folder() / "step-1/manifest.json",
                newest() / "manifest.json",
                fs::copy_options::overwrite_existing);
  expect_passed_over(HasSubstr("is that of step 1 (a foreign manifest)"));
  std::ofstream(newest() / "manifest.json") << R"({"format": "pt"})";
  expect_passed_over(HasSubstr("of another program, or damaged"));
  std::ofstream(newest() / "manifest.json") << R"({"format": 2, "step": 2})";
  expect_passed_over(HasSubstr("lacks what a checkpoint manifest says"));
  std::ofstream(newest() / "manifest.json")
      << R"({"format": 2, "step": 2, "ranks": 1, "facts": {}, "score": null,
             "files": {"../step-1/model-00001-of-00003.safetensors":
             {"set": "model", "bytes": 1, "xxh64": ""}}})";
  expect_passed_over(HasSubstr("which is no file of its folder"));
}

TEST_F(CheckpointDamage, SlicesThatLie) {
  struct Lie {
    char const* key;
    json value;
    char const* why;
  };
  auto const path = shard("optimizer", 2);
  auto const good = value_or_throw(read_text(path));
  std::vector<Lie> const lies = {
      {"from", 0, "where 4 was due"},  {"from", 5, "where 4 was due"},
      {"from", -4, "where 0 was due"}, {"shape", {4, 3}, "of another shape"},
      {"shape", 7, "slices"},          {"of", "exp_avg.v", "was due"}};
  for (auto const& lie : lies) {
    edit_header(path, [&](json& header) {
      auto& text = header["__metadata__"]["slices"];
      auto slices = json::parse(text.get<std::string>());
      slices["exp_avg.w@4"][lie.key] = lie.value;
      text = slices.dump();
    });
    sign(path);
    expect_passed_over(HasSubstr(lie.why));
    std::ofstream(path, std::ios::binary) << good;
  }
}

TEST_F(CheckpointDamage, ATensorInTwoShards) {
  auto const first = value_or_throw(read_safetensors(shard("model", 1)));
  value_or_throw(write_safetensors(shard("model", 2), first));
  sign(shard("model", 2));
  expect_passed_over(HasSubstr("which another file has, too"));
}

TEST_F(CheckpointDamage, AHeaderThatLies) {
  edit_header(shard("model", 1), [](json& header) {
    for (auto& [name, entry] : header.items())
      if (name != "__metadata__") entry["shape"] = {1000, 1000};
  });
  sign(shard("model", 1));
  expect_passed_over(HasSubstr("is not a sound safetensors file"));
}

TEST_F(CheckpointDamage, WhatANewerVersionWroteIsNotPassedOver) {
  std::ofstream(newest() / "manifest.json") << R"({"format": 3})";
  try {
    load_newest_checkpoint(Communicator::self(), store_);
    FAIL() << "it was taken";
  } catch (AgreedError const& refused) {
    EXPECT_EQ(refused.code(), ExitCode::usage);
    EXPECT_THAT(refused.what(),
                AllOf(HasSubstr((newest() / "manifest.json").string()),
                      HasSubstr("written by a newer version (format 3"),
                      HasSubstr("Try updating")));
  }
}

TEST_F(CheckpointDamage, WhatTheFirstFormatWroteLoads) {
  fs::remove_all(newest());
  fs::create_directories(newest());
  TensorFile file;
  file.tensors["w"] = at::arange(5);
  auto const path = newest() / "model.safetensors";
  auto const hash = value_or_throw(write_safetensors(path, file));
  json const manifest = {
      {"format", 1},
      {"step", 2},
      {"files",
       {{"model.safetensors",
         {{"bytes", fs::file_size(path)}, {"xxh64", to_hex(hash)}}}}},
      {"facts", {{"seed", "3"}}},
      {"score", "0.25"}};
  std::ofstream(newest() / "manifest.json") << manifest.dump();
  auto const found = load_newest_checkpoint(Communicator::self(), store_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, 2);
  EXPECT_EQ(found->facts.at("seed"), "3");
  EXPECT_TRUE(
      at::equal(found->files.at("model").tensors.at("w"), at::arange(5)));
  EXPECT_EQ(store_.list().back().score, 0.25);
}

TEST_F(CheckpointDamage, LatestThatPointsNowhere) {
  fs::remove(store_.folder() / "latest");
  fs::create_symlink("step-9", store_.folder() / "latest");
  auto const loaded = store_.load(store_.folder() / "latest");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().what(),
              HasSubstr("latest points to step-9, which is not there"));
  testing::internal::CaptureStderr();
  auto const found = load_newest_checkpoint(Communicator::self(), store_);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("latest points to step-9"));
  EXPECT_EQ(found->step, 2);
}

TEST(DivideTensors, SharesOutTheBytes) {
  std::map<std::string, at::Tensor> tensors;
  for (int i = 0; i < 40; ++i)
    tensors.emplace(std::to_string(i), at::zeros({1 + i * i % 37}));
  for (std::size_t num : {1U, 2U, 3U, 7U}) {
    auto const shards = divide_tensors(tensors, num);
    ASSERT_EQ(shards.size(), num);
    std::map<std::string, int> count;
    std::vector<std::int64_t> sizes;
    for (auto const& shard : shards) {
      sizes.push_back(0);
      for (auto const& name : shard) {
        ++count[name];
        sizes.back() += tensors.at(name).numel();
      }
    }
    EXPECT_EQ(count.size(), tensors.size());
    for (auto const& [name, times] : count) EXPECT_EQ(times, 1) << name;
    auto const [least, most] = std::minmax_element(sizes.begin(), sizes.end());
    EXPECT_LE(*most - *least, 37);
  }
}

}  // namespace
}  // namespace gasm
