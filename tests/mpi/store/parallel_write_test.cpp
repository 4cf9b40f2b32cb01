// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <optional>

#include "gasm/base/file.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/store/clip_store.hpp"
#include "support/clip_files.hpp"
#include "support/mpi_main.hpp"
#include "support/small_disk.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// The store written by all ranks equals, byte for byte, the one that a
/// single rank writes, and h5dump finds the clips in it.
void expect_same_as_alone(FakeClips const& clips) {
  auto const folder = shared_temp_folder();
  auto const path = folder / "clips.h5";
  write_clip_store(test_world(), path, clips.contents, clips.source());
  EXPECT_FALSE(std::filesystem::exists(folder / "clips.h5.tmp"));

  auto const store = value_or_throw(ClipStore::open(path));
  ASSERT_EQ(store.size(),
            static_cast<std::int64_t>(clips.contents.clips.size()));
  for (std::int64_t i = 0; i < store.size(); ++i)
    EXPECT_TRUE(value_or_throw(store.bytes(i)) ==
                clips.bytes[static_cast<std::size_t>(i)]);
  if (test_world().is_root()) {
    write_clip_store(Communicator::self(), folder / "alone.h5", clips.contents,
                     clips.source());
    EXPECT_EQ(value_or_throw(xxh64_file(path)),
              value_or_throw(xxh64_file(folder / "alone.h5")));
    std::string all;
    for (auto const& bytes : clips.bytes) all += raw_bytes(bytes);
    EXPECT_TRUE(dump_raw(path, "data") == all);
  }
  test_world().barrier();
}

TEST(ParallelWrite, EvenSlabs) {
  expect_same_as_alone(fake_clips(std::vector<std::size_t>(12, 5000)));
}

TEST(ParallelWrite, UnevenSlabs) {
  expect_same_as_alone(fake_clips({1, 90000, 3, 200, 150000, 7, 7, 40001}));
}

TEST(ParallelWrite, RanksWithoutAClip) {
  expect_same_as_alone(fake_clips({9}));
}

TEST(ParallelWrite, SlabsOfSeveralPieces) {
  expect_same_as_alone(fake_clips({30000000, 41000000, 5}));
}

class ParallelFailure : public testing::Test {
 protected:
  void SetUp() override {
    path_ = shared_temp_folder() / "clips.h5";
    write_clip_store(test_world(), path_, old_.contents, old_.source());
  }

  std::string message_of(ClipStoreContents const& contents,
                         ClipBytes const& source) const {
    try {
      write_clip_store(test_world(), path_, contents, source);
    } catch (AgreedError const& why) {
      return why.what();
    }
    return "it worked";
  }

  /// One message everywhere, no temporary, and the old store.
  void expect_agreed(std::string const& why) const {
    for (auto const& other : test_world().all_gather_strings(why))
      EXPECT_EQ(other, why);
    EXPECT_FALSE(std::filesystem::exists(path_.string() + ".tmp"));
    EXPECT_EQ(value_or_throw(ClipStore::open(path_)).data_hash(),
              data_hash(old_.contents));
    test_world().barrier();
  }

  std::filesystem::path path_;
  FakeClips old_ = fake_clips({10, 20, 30});
  FakeClips clips_ = fake_clips({9000, 5000, 4000, 3000, 2000, 1000});
};

TEST_F(ParallelFailure, OneRanksSource) {
  // Clip 5 is the last rank's for every number of ranks.
  auto const why = message_of(
      clips_.contents, [&](std::int64_t i) -> Result<std::vector<std::byte>> {
        if (i == 5) return failure("clip 5 is torn");
        return clips_.bytes[static_cast<std::size_t>(i)];
      });
  EXPECT_THAT(why, HasSubstr("clip 5 is torn"));
  if (test_world().size() > 1) {
    EXPECT_THAT(why,
                HasSubstr(fmt::format("rank {}", test_world().size() - 1)));
  }
  expect_agreed(why);
}

TEST_F(ParallelFailure, RanksThatDisagree) {
  if (test_world().size() == 1) GTEST_SKIP() << "needs two ranks";
  auto contents = clips_.contents;
  if (test_world().rank() == 1) contents.clips[0].label = 2;
  auto const why = message_of(contents, clips_.source());
  EXPECT_THAT(why, HasSubstr("rank 1 was asked to write another clip store"));
  expect_agreed(why);
}

TEST_F(ParallelFailure, MissingFolder) {
  auto const good = path_;
  path_ = path_.parent_path() / "nowhere" / "clips.h5";
  auto const why = message_of(clips_.contents, clips_.source());
  path_ = good;
  EXPECT_THAT(why, HasSubstr("No such file or directory"));
  expect_agreed(why);
}

TEST_F(ParallelFailure, FullDisk) {
  auto const folder = path_.parent_path() / "disk";
  auto const disk = test_world().is_root() ? SmallDisk::mount(folder, "256k")
                                           : std::optional<SmallDisk>();
  int is_mounted = disk ? 1 : 0;
  test_world().broadcast(is_mounted);
  if (is_mounted == 0)
    GTEST_SKIP() << "NOT TESTED: mounting a small disk needs root";
  auto const big = fake_clips(std::vector<std::size_t>(9, 40000));
  path_ = folder / "clips.h5";
  write_clip_store(test_world(), path_, old_.contents, old_.source());
  auto const why = message_of(big.contents, big.source());
  EXPECT_THAT(why, AllOf(HasSubstr("No space left on device"),
                         HasSubstr("clips.h5.tmp")));
  expect_agreed(why);
}

}  // namespace
}  // namespace gasm
