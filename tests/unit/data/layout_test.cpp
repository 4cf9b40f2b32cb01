// SPDX-License-Identifier: Apache-2.0
// Advice from made-up facts, and facts from real files.
#include "gasm/data/layout.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "gasm/comm/communicator.hpp"
#include "support/clip_files.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kGb = 1'000'000'000;
constexpr std::uint64_t kMiB = 1 << 20;

/// Features of SSv2 on a cluster: 16 ranks on 4 machines.
LayoutFacts facts(std::uint64_t free_gb) {
  LayoutFacts facts;
  facts.num_bytes = 68 * kGb;
  facts.free_bytes = free_gb * kGb;
  facts.num_ranks = 16;
  facts.ranks_per_node = 4;
  return facts;
}

auto says(std::string const& words) { return Contains(HasSubstr(words)); }

TEST(LayoutAdvice, TakesTheModeThatFitsIntoHalfOfTheMemory) {
  auto const large = advise_layout(facts(136));
  EXPECT_EQ(large.choice.mode, StoreMode::resident);
  EXPECT_DOUBLE_EQ(large.fill_s, 68.0);
  EXPECT_EQ(large.num_nodes, 4);
  // A quarter of 68 GB on each of four machines.
  auto const middle = advise_layout(facts(34));
  EXPECT_EQ(middle.choice.mode, StoreMode::exchange);
  EXPECT_DOUBLE_EQ(middle.fill_s, 17.0);
  EXPECT_THAT(middle.sentences, says("136 GB of free memory"));
  auto const small = advise_layout(facts(33));
  EXPECT_EQ(small.choice.mode, StoreMode::direct);
  EXPECT_DOUBLE_EQ(small.fill_s, 0.0);
}

TEST(LayoutAdvice, TellsWhatEachModeKeeps) {
  auto const advice = advise_layout(facts(100));
  ASSERT_EQ(advice.needs.size(), 4U);
  EXPECT_EQ(advice.needs[0].kept_bytes, 68 * kGb);
  EXPECT_FALSE(advice.needs[0].fits);
  EXPECT_EQ(advice.needs[1].mode, StoreMode::exchange);
  EXPECT_EQ(advice.needs[1].kept_bytes, 17 * kGb);
  EXPECT_TRUE(advice.needs[1].fits);
  EXPECT_EQ(advice.needs[2].kept_bytes, 0U);
  EXPECT_EQ(advice.needs[3].kept_bytes, 0U);
}

TEST(LayoutAdvice, CountsReadersAndMachines) {
  auto many = facts(200);
  many.num_ranks = 33;
  many.ranks_per_node = 16;
  EXPECT_EQ(advise_layout(many).num_nodes, 3);
  EXPECT_EQ(advise_layout(many).readers_per_node, 8);
  EXPECT_EQ(advise_layout(facts(200)).readers_per_node, 4);
}

TEST(LayoutAdvice, GivesLargeFilesMoreStripes) {
  auto const stripes_of = [](std::uint64_t num_bytes) {
    LayoutFacts facts;
    facts.num_bytes = num_bytes;
    return advise_layout(facts).stripes;
  };
  EXPECT_EQ(stripes_of(kGb - 1), (Stripes{1, 4 * kMiB}));
  EXPECT_EQ(stripes_of(kGb), (Stripes{4, 4 * kMiB}));
  EXPECT_EQ(stripes_of(32 * kGb), (Stripes{8, 4 * kMiB}));
}

TEST(LayoutAdvice, LustreWithTooFewOrUnknownStripes) {
  auto on_lustre = facts(200);
  on_lustre.file_system = FileSystem::lustre;
  EXPECT_THAT(advise_layout(on_lustre).sentences,
              says("lfs setstripe -c 8 -S 4M"));
  on_lustre.parts = {{kMiB, 60 * kGb}, {60000 * kMiB, 8 * kGb}};
  EXPECT_THAT(advise_layout(on_lustre).sentences, says("not known"));
  on_lustre.stripes = Stripes{1, kMiB};
  EXPECT_THAT(advise_layout(on_lustre).sentences, says("1 of the 8 servers"));
  EXPECT_THAT(advise_layout(on_lustre).sentences, says("lfs migrate -c 8"));
  on_lustre.stripes = Stripes{8, 4 * kMiB};
  EXPECT_THAT(advise_layout(on_lustre).sentences, Not(says("lfs ")));
}

TEST(LayoutAdvice, WhatFollowsFromTheFileSystem) {
  auto const sentences = [](FileSystem where, std::uint64_t free_gb) {
    auto known = facts(free_gb);
    known.file_system = where;
    return advise_layout(known).sentences;
  };
  for (auto const network : {FileSystem::lustre, FileSystem::nfs,
                             FileSystem::gpfs, FileSystem::beegfs}) {
    EXPECT_THAT(sentences(network, 200), says("HDF5_USE_FILE_LOCKING=FALSE"));
    EXPECT_THAT(sentences(network, 8), says("copy the store to a local disk"));
  }
  EXPECT_THAT(sentences(FileSystem::nfs, 200), says("one server feeds all 4"));
  EXPECT_THAT(sentences(FileSystem::ext4, 200),
              says("each of 4 nodes needs a copy"));
  EXPECT_THAT(sentences(FileSystem::xfs, 8), says("data.store: stream"));
  EXPECT_THAT(sentences(FileSystem::tmpfs, 200), says("data.store: direct"));
  EXPECT_THAT(sentences(FileSystem::overlay, 200), says("container"));
  auto alone = facts(200);
  alone.num_ranks = alone.ranks_per_node = 1;
  alone.file_system = FileSystem::ext4;
  EXPECT_THAT(advise_layout(alone).sentences, ElementsAre());
}

TEST(LayoutAdvice, FindsDataThatAreNotAligned) {
  auto placed = facts(200);
  placed.parts = {{3 * kMiB, kGb}, {kMiB * 4096, kGb}};
  EXPECT_EQ(advise_layout(placed).alignment_bytes, kMiB);
  EXPECT_THAT(advise_layout(placed).sentences, Not(says("straddle")));
  placed.parts[1].start = kMiB * 4096 + 24 * 1024;
  EXPECT_EQ(advise_layout(placed).alignment_bytes, 8192U);
  EXPECT_THAT(advise_layout(placed).sentences, says("straddle"));
  placed.stripes = Stripes{8, 4096};
  EXPECT_THAT(advise_layout(placed).sentences, Not(says("straddle")));
}

TEST(LayoutAdvice, RefusesWhatIsNoJob) {
  auto const refused = [](auto const& change) {
    auto bad = facts(100);
    change(bad);
    EXPECT_THROW(advise_layout(bad), Error);
  };
  refused([](LayoutFacts& f) { f.num_bytes = 0; });
  refused([](LayoutFacts& f) { f.num_ranks = 0; });
  refused([](LayoutFacts& f) { f.ranks_per_node = 0; });
  refused([](LayoutFacts& f) { f.ranks_per_node = 17; });
}

TEST(LayoutFactsOf, ARealFile) {
  TempFolder const folder;
  auto const path = folder.path() / "clips.h5";
  auto const clips = fake_clips({70'000, 1, 500'000});
  write_clip_store(Communicator::self(), path, clips.contents, clips.source());
  auto const facts = value_or_throw(read_layout(path));
  EXPECT_EQ(facts.num_bytes, 570'001U);
  ASSERT_EQ(facts.parts.size(), 1U);
  EXPECT_EQ(facts.parts[0].size, 570'001U);
  // The first clip stands where the facts say.
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<long>(facts.parts[0].start));
  std::string start(16, '\0');
  file.read(start.data(), 16);
  EXPECT_EQ(start, raw_bytes(clips.bytes[0]).substr(0, 16));
  EXPECT_EQ(advise_layout(facts).alignment_bytes, kMiB);
  EXPECT_TRUE(facts.file_system.has_value());
}

TEST(LayoutFactsOf, WhatIsNoStore) {
  TempFolder const folder;
  auto const gone = read_layout(folder.path() / "gone.h5");
  ASSERT_FALSE(gone.has_value());
  EXPECT_THAT(gone.error().what(), HasSubstr("No such file"));
  auto const path = folder.path() / "text.h5";
  std::ofstream(path) << "no store";
  auto const other = read_layout(path);
  ASSERT_FALSE(other.has_value());
  EXPECT_THAT(other.error().what(), HasSubstr("no usable feature store"));
  EXPECT_THAT(other.error().what(), HasSubstr("holds no clips either"));
}

TEST(FileSystemOf, KnowsWhereItIs) {
  EXPECT_EQ(value_or_throw(file_system_of("/proc")), FileSystem::other);
  if (std::filesystem::exists("/dev/shm")) {
    EXPECT_EQ(value_or_throw(file_system_of("/dev/shm")), FileSystem::tmpfs);
  }
  EXPECT_FALSE(file_system_of("/no/such/path").has_value());
}

/// Puts a program called lfs before all others.
class LustreStripes : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::getenv("PATH");
    ::setenv("PATH", (folder_.path().string() + ":" + path_).c_str(), 1);
  }
  void TearDown() override { ::setenv("PATH", path_.c_str(), 1); }
  void put_lfs(std::string const& body) const {
    auto const lfs = folder_.path() / "lfs";
    std::ofstream(lfs) << "#!/bin/sh\n" << body << "\n";
    std::filesystem::permissions(lfs, std::filesystem::perms::owner_all);
  }

  TempFolder folder_;
  std::string path_;
};

TEST_F(LustreStripes, AreWhatLfsPrints) {
  put_lfs(
      R"([ "$1" = getstripe ] && [ "$3" = "a b'c" ] || exit 1
         case "$2" in -c) echo 4;; -S) echo 1048576;; esac)");
  EXPECT_EQ(lustre_stripes("a b'c"), (Stripes{4, kMiB}));
}

TEST_F(LustreStripes, AreUnknownWithoutLfsOrItsAnswer) {
  EXPECT_EQ(lustre_stripes("x"), std::nullopt);
  put_lfs("echo 4; exit 1");
  EXPECT_EQ(lustre_stripes("x"), std::nullopt);
  put_lfs("echo none");
  EXPECT_EQ(lustre_stripes("x"), std::nullopt);
  put_lfs("echo -1");
  EXPECT_EQ(lustre_stripes("x"), std::nullopt);
}

}  // namespace
}  // namespace gasm
