// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>
#include <optional>

#include "gasm/base/file.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/store/feature_store.hpp"
#include "support/feature_files.hpp"
#include "support/mpi_main.hpp"
#include "support/small_disk.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

/// 23 clips in units of 2: 12 of them, the last of one clip.
class FeatureWrite : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = shared_temp_folder();
    path_ = folder_ / "features.h5";
  }

  /// The file equals, byte for byte, the one that a single rank writes.
  void expect_same_as_alone() const {
    test_world().barrier();
    EXPECT_FALSE(fs::exists(partial()));
    EXPECT_FALSE(fs::exists(partial().string() + ".journal"));
    if (test_world().is_root()) {
      write_fake_store(Communicator::self(), folder_ / "alone.h5", contents_);
      EXPECT_EQ(value_or_throw(xxh64_file(path_)),
                value_or_throw(xxh64_file(folder_ / "alone.h5")));
    }
    EXPECT_EQ(value_or_throw(FeatureStore::open(path_)).num_records(), 69);
    test_world().barrier();
  }

  /// A job of the first `num_ranks` ranks that takes the units of `from` ..
  /// `to` - 1 in turn, and is killed. Collective over all.
  void run_and_kill(int num_ranks, std::int64_t from, std::int64_t to) const {
    auto const& world = test_world();
    auto group = world.split(world.rank() < num_ranks ? 0 : 1, 0);
    if (world.rank() < num_ranks) {
      auto writer = FeatureWriter::open(group, path_, contents_, {});
      for (auto unit = from + group.rank(); unit < to; unit += group.size())
        if (!writer.is_done(unit))
          value_or_throw(write_fake_unit(writer, contents_, unit));
      value_or_throw(writer.sync());
    }
    group.close();
    world.barrier();
  }

  template <class Body>
  std::string message_of(Body const& body) const {
    std::string why = "it worked";
    try {
      body();
    } catch (AgreedError const& agreed) {
      why = agreed.what();
    } catch (Error const& alone) {
      why = fmt::format("rank {} alone: {}", test_world().rank(), alone.what());
    }
    for (auto const& other : test_world().all_gather_strings(why))
      EXPECT_EQ(other, why);
    return why;
  }

  std::int64_t num_done() const {
    auto const writer = FeatureWriter::open(test_world(), path_, contents_, {});
    std::int64_t num = 0;
    for (std::int64_t unit = 0; unit < writer.num_units(); ++unit)
      num += writer.is_done(unit) ? 1 : 0;
    for (auto const other : test_world().all_gather(num)) EXPECT_EQ(other, num);
    return num;
  }

  fs::path partial() const { return path_.string() + ".partial"; }

  fs::path folder_;
  fs::path path_;
  FeatureStoreContents contents_ = fake_contents(23, 3);
};

TEST_F(FeatureWrite, TheSameFileWhateverTheRanks) {
  write_fake_store(test_world(), path_, contents_);
  expect_same_as_alone();
}

TEST_F(FeatureWrite, OneRankMayDoItAll) {
  auto writer = FeatureWriter::open(test_world(), path_, contents_, {});
  if (test_world().rank() == test_world().size() - 1)
    for (auto unit = writer.num_units() - 1; unit >= 0; --unit)
      value_or_throw(write_fake_unit(writer, contents_, unit));
  writer.finish(test_world());
  expect_same_as_alone();
}

TEST_F(FeatureWrite, GoesOnWithAnotherNumberOfRanks) {
  run_and_kill(1, 3, 6);
  EXPECT_EQ(num_done(), 3);
  run_and_kill(test_world().size(), 5, 10);
  EXPECT_EQ(num_done(), 7);
  run_and_kill((test_world().size() + 1) / 2, 0, 2);
  EXPECT_EQ(num_done(), 9);
  write_fake_store(test_world(), path_, contents_);
  expect_same_as_alone();
}

TEST_F(FeatureWrite, MissingUnitsAreEverybodysError) {
  auto const why = message_of([&] {
    auto writer = FeatureWriter::open(test_world(), path_, contents_, {});
    for (std::int64_t unit = test_world().rank(); unit < 11;
         unit += test_world().size())
      if (unit != 4) value_or_throw(write_fake_unit(writer, contents_, unit));
    writer.finish(test_world());
  });
  EXPECT_THAT(why, AllOf(HasSubstr("2 of 12 units of " + partial().string()),
                         HasSubstr("begins with clip '65'")));  // 8 * 8 + 1
  write_fake_store(test_world(), path_, contents_);
  expect_same_as_alone();
}

// Whichever rank wrote it and whichever rank found it: the next job makes it
// anew, and needs no third one.
TEST_F(FeatureWrite, ChangedUnitsAreMadeAnewByTheNextJob) {
  run_and_kill(test_world().size(), 0, 12);
  if (test_world().is_root()) {
    auto const file = value_or_throw(read_text(partial()));
    std::fstream bytes(partial(),
                       std::ios::in | std::ios::out | std::ios::binary);
    for (std::int64_t const unit : {0, 5, 11}) {
      auto const wanted = fake_unit(contents_, unit).semantic;
      auto const at = file.find(std::string(
          reinterpret_cast<char const*>(wanted.data()), wanted.size()));
      ASSERT_NE(at, std::string::npos);
      bytes.seekp(static_cast<long>(at) + 2);
      bytes.put('?');
    }
  }
  test_world().barrier();
  auto const why = message_of([&] {
    FeatureWriter::open(test_world(), path_, contents_, {})
        .finish(test_world());
  });
  EXPECT_THAT(why, AllOf(HasSubstr("3 units of " + partial().string() +
                                   " are not what was written"),
                         HasSubstr("begins with clip '1'")));
  EXPECT_EQ(num_done(), 9);
  write_fake_store(test_world(), path_, contents_);
  expect_same_as_alone();
}

// The same, found by the job that wrote them: their lines are in the journal
// files of this very run.
TEST_F(FeatureWrite, ChangedUnitsOfTheSameJob) {
  auto const why = message_of([&] {
    auto writer = FeatureWriter::open(test_world(), path_, contents_, {});
    for (std::int64_t unit = test_world().rank(); unit < 12;
         unit += test_world().size())
      value_or_throw(write_fake_unit(writer, contents_, unit));
    test_world().barrier();
    if (test_world().is_root()) {
      auto const file = value_or_throw(read_text(partial()));
      auto const wanted = fake_unit(contents_, 7).motion;
      auto const at = file.find(std::string(
          reinterpret_cast<char const*>(wanted.data()), wanted.size()));
      std::fstream(partial(), std::ios::in | std::ios::out | std::ios::binary)
          .seekp(static_cast<long>(at))
          .put('?');
    }
    test_world().barrier();
    writer.finish(test_world());
  });
  EXPECT_THAT(why, HasSubstr("1 units of"));
  EXPECT_EQ(num_done(), 11);
  write_fake_store(test_world(), path_, contents_);
  expect_same_as_alone();
}

TEST_F(FeatureWrite, OtherContentsAreEverybodysError) {
  run_and_kill(1, 0, 1);
  auto other = contents_;
  other.provenance = "model.semantic.tap: 9\n";
  EXPECT_THAT(
      message_of([&] { FeatureWriter::open(test_world(), path_, other, {}); }),
      HasSubstr("model.semantic.tap: 12 there, 9 here"));
}

TEST_F(FeatureWrite, AFullDiskIsEverybodysError) {
  auto const folder = folder_ / "disk";
  auto const disk = test_world().is_root() ? SmallDisk::mount(folder, "64k")
                                           : std::optional<SmallDisk>();
  int is_mounted = disk ? 1 : 0;
  test_world().broadcast(is_mounted);
  if (is_mounted == 0)
    GTEST_SKIP() << "NOT TESTED: mounting a small disk needs root";
  path_ = folder / "features.h5";
  auto const big = fake_contents(2000, 3);
  EXPECT_THAT(
      message_of([&] { FeatureWriter::open(test_world(), path_, big, {}); }),
      AllOf(HasSubstr(partial().string()),
            HasSubstr("No space left on device")));
  EXPECT_TRUE(fs::is_empty(folder));
  test_world().barrier();
}

}  // namespace
}  // namespace gasm
