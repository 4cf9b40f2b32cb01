// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/feature_writer.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <set>

#include "gasm/base/file.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/store/feature_store.hpp"
#include "support/feature_files.hpp"
#include "support/small_disk.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <class Body>
std::string message_of(Body const& body) {
  try {
    body();
  } catch (Error const& why) {
    return why.what();
  }
  return "it worked";
}

/// 7 clips in units of 2: the last has one. A job that is killed is one whose
/// writer goes away without finish().
class Writer : public testing::Test {
 protected:
  void SetUp() override {
    write_fake_store(Communicator::self(), folder_ / "undisturbed.h5",
                     contents_);
    path_ = folder_ / "features.h5";
  }

  FeatureWriter open(UnfinishedUse use = UnfinishedUse::go_on) const {
    return FeatureWriter::open(Communicator::self(), path_, contents_, use);
  }
  void write(FeatureWriter& writer, std::int64_t unit) const {
    value_or_throw(write_fake_unit(writer, contents_, unit));
  }
  /// A job that is killed after having put these units on the disk.
  void run_and_kill(std::vector<std::int64_t> const& units) const {
    auto writer = open();
    for (auto const unit : units) write(writer, unit);
    value_or_throw(writer.sync());
  }
  std::vector<std::int64_t> units_done() const {
    auto const writer = open();
    std::vector<std::int64_t> done;
    for (std::int64_t unit = 0; unit < writer.num_units(); ++unit)
      if (writer.is_done(unit)) done.push_back(unit);
    return done;
  }
  void write_the_rest() const {
    write_fake_store(Communicator::self(), path_, contents_);
  }
  void expect_undisturbed_file() const {
    EXPECT_EQ(value_or_throw(xxh64_file(path_)),
              value_or_throw(xxh64_file(folder_ / "undisturbed.h5")));
    EXPECT_FALSE(fs::exists(partial()));
    EXPECT_FALSE(fs::exists(journal()));
  }

  fs::path partial() const { return path_.string() + ".partial"; }
  fs::path journal() const { return partial().string() + ".journal"; }
  /// What the first job wrote of a unit's semantic stream, in the file.
  std::uint64_t start_of(std::int64_t unit) const {
    auto const store =
        value_or_throw(FeatureStore::open(folder_ / "undisturbed.h5"));
    return store.range(unit * 2 * contents_.num_views, 0).start;
  }
  void damage(std::uint64_t at) const {
    std::fstream file(partial(),
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<long>(at));
    auto const byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<long>(at));
    file.put(byte);
  }

  TempFolder folder_;
  fs::path path_;
  FeatureStoreContents contents_ = fake_contents(7, 3);
};

TEST_F(Writer, UnitsMayComeInAnyOrder) {
  auto writer = open();
  EXPECT_EQ(writer.num_units(), 4);
  for (std::int64_t const unit : {3, 0, 2, 1}) write(writer, unit);
  writer.finish(Communicator::self());
  expect_undisturbed_file();
}

TEST_F(Writer, AJobGoesOnWhereTheLastOneWasKilled) {
  run_and_kill({2, 0});
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_THAT(units_done(), ElementsAre(0, 2));
  EXPECT_THAT(message_of([&] { open().finish(Communicator::self()); }),
              AllOf(HasSubstr("2 of 4 units of " + partial().string() +
                              " were not written"),
                    HasSubstr("the first begins with clip '5'")));
  run_and_kill({3});
  EXPECT_THAT(units_done(), ElementsAre(0, 2, 3));
  write_the_rest();
  expect_undisturbed_file();
}

TEST_F(Writer, WhatWasNotSyncedIsLost) {
  {
    auto writer = open();
    write(writer, 1);
    value_or_throw(writer.sync());
    write(writer, 2);
  }
  EXPECT_THAT(units_done(), ElementsAre(1));
  write_the_rest();
  expect_undisturbed_file();
}

TEST_F(Writer, AJobOfManyKillsEndsWithTheSameFile) {
  for (std::int64_t const unit : {3, 1, 0, 2}) {
    run_and_kill({unit});
    EXPECT_FALSE(fs::exists(path_));
  }
  EXPECT_THAT(units_done(), ElementsAre(0, 1, 2, 3));
  write_the_rest();
  expect_undisturbed_file();
}

TEST_F(Writer, AUnitMayBeWrittenAgain) {
  auto writer = open();
  for (std::int64_t const unit : {0, 1, 2, 3}) write(writer, unit);
  auto const other = fake_unit(contents_, 0);
  value_or_throw(writer.write(1, other.semantic, other.motion, other.labels));
  value_or_throw(writer.sync());
  write(writer, 1);
  writer.finish(Communicator::self());
  expect_undisturbed_file();
}

TEST_F(Writer, ATornLastLineIsPassedOver) {
  run_and_kill({0, 1});
  auto const file = journal() / "run-1-rank-0.jsonl";
  auto const text = value_or_throw(read_text(file));
  for (auto const size : {text.size() - 1, text.size() - 20}) {
    std::ofstream(file, std::ios::binary) << text.substr(0, size);
    EXPECT_THAT(units_done(), ElementsAre(0));
  }
  // In the middle: that line alone.
  auto changed = text;
  changed[changed.find("{\"unit\":0")] = 'x';
  std::ofstream(file, std::ios::binary) << changed;
  EXPECT_THAT(units_done(), ElementsAre(1));
  write_the_rest();
  expect_undisturbed_file();
}

TEST_F(Writer, LinesThatFitNoUnitAreNotBelieved) {
  run_and_kill({0});
  auto const file = journal() / "run-1-rank-0.jsonl";
  auto const text = value_or_throw(read_text(file));
  std::ofstream(file, std::ios::binary)
      << text << R"({"unit":1,"xxh64":[1,2],"labels":[0,0]})" << '\n'
      << R"({"unit":-1,"xxh64":[1,2,3,4,5,6],"labels":[0,0,0,0,0,0]})" << '\n'
      << R"({"unit":99,"xxh64":[],"labels":[]})" << '\n'
      << R"({"unit":"2","xxh64":7})" << '\n';
  EXPECT_THAT(units_done(), ElementsAre(0));
  EXPECT_THAT(message_of([&] { open().finish(Communicator::self()); }),
              HasSubstr("3 of 4 units"));
  write_the_rest();
  expect_undisturbed_file();
}

TEST_F(Writer, TheJournalOfAnotherFileIsNotBelieved) {
  run_and_kill({0, 1});
  auto const file = journal() / "run-1-rank-0.jsonl";
  auto text = value_or_throw(read_text(file));
  auto const at = text.find("\"file\":\"") + 8;
  text.replace(at, 16, "0000000000000000");
  std::ofstream(file, std::ios::binary) << text;
  EXPECT_THAT(units_done(), IsEmpty());
  // Nor are lines whose header is lost, beside a file with a good one.
  run_and_kill({2});
  std::ofstream(file, std::ios::binary) << "\n" << text.substr(text.find('\n'));
  EXPECT_THAT(units_done(), ElementsAre(2));
  write_the_rest();
  expect_undisturbed_file();
}

TEST_F(Writer, AUnitThatChangedOnTheDiskIsFoundAndMadeAnew) {
  run_and_kill({0, 1, 2, 3});
  damage(start_of(2) + 3);
  EXPECT_THAT(message_of([&] { open().finish(Communicator::self()); }),
              AllOf(HasSubstr("1 units of " + partial().string() +
                              " are not what was written"),
                    HasSubstr("begins with clip '17'")));
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_THAT(units_done(), ElementsAre(0, 1, 3));
  write_the_rest();
  expect_undisturbed_file();
}

TEST_F(Writer, AnUnfinishedFileOfOtherContentsIsRefused) {
  run_and_kill({0});
  auto const refusal = [&](auto const& change) {
    auto const kept = contents_;
    change(contents_);
    auto const why = message_of([&] { open(); });
    contents_ = kept;
    EXPECT_THAT(why, AllOf(HasSubstr(partial().string() + " was begun with "),
                           HasSubstr("Try --restart")));
    return why;
  };
  EXPECT_THAT(
      refusal([](auto& c) { c.provenance = "model.semantic.tap: 9\n"; }),
      HasSubstr("data.sampling.frames: 16 there, nothing here; "
                "model.semantic.tap: 12 there, 9 here."));
  EXPECT_THAT(refusal([](auto& c) { c.type = FeatureType::fp32; }),
              HasSubstr("type: fp16 there, fp32 here"));
  EXPECT_THAT(refusal([](auto& c) { c.batch = 3; }),
              HasSubstr("batch: 2 there, 3 here"));
  EXPECT_THAT(refusal([](auto& c) { c.views = FeatureViews::random; }),
              HasSubstr("views: 3 test there, 3 random here"));
  EXPECT_THAT(refusal([](auto& c) { c.clips_hash = "fedcba9876543210"; }),
              HasSubstr("0123456789abcdef there, 7 of data hash fedcba9"));
  EXPECT_THAT(units_done(), ElementsAre(0));  // nothing was lost by that
  write_the_rest();
  expect_undisturbed_file();
}

TEST_F(Writer, RestartGivesTheUnfinishedFileUp) {
  auto const kept = contents_;
  contents_.provenance = "model.semantic.tap: 9\n";
  run_and_kill({0, 1});
  contents_ = kept;
  {
    auto writer = open(UnfinishedUse::start_anew);
    for (std::int64_t unit = 0; unit < 4; ++unit)
      EXPECT_FALSE(writer.is_done(unit));
    write(writer, 3);
    value_or_throw(writer.sync());
  }
  EXPECT_THAT(units_done(), ElementsAre(3));
  open(UnfinishedUse::start_anew);  // also of the same contents
  EXPECT_THAT(units_done(), IsEmpty());
  write_the_rest();
  expect_undisturbed_file();
}

TEST_F(Writer, ADamagedUnfinishedFileIsNamed) {
  run_and_kill({0});
  fs::resize_file(partial(), 1000);
  EXPECT_THAT(message_of([&] { open(); }),
              AllOf(HasSubstr(partial().string()), HasSubstr("--restart")));
  write_fake_store(Communicator::self(), path_, contents_,
                   UnfinishedUse::start_anew);
  expect_undisturbed_file();
}

TEST_F(Writer, AJournalWithoutItsFileCountsForNothing) {
  run_and_kill({0, 1});
  fs::remove(partial());
  EXPECT_THAT(units_done(), IsEmpty());
  write_the_rest();
  expect_undisturbed_file();
}

TEST_F(Writer, TheOldFileStaysUntilTheNewOneIsFinished) {
  auto const kept = contents_;
  contents_.provenance = "model.semantic.tap: 9\n";
  write_the_rest();
  contents_ = kept;
  run_and_kill({0, 1});
  EXPECT_EQ(value_or_throw(FeatureStore::open(path_)).contents().provenance,
            "model.semantic.tap: 9\n");
  write_the_rest();
  expect_undisturbed_file();
}

// The last steps of a job are killed after each of its writes.
TEST_F(Writer, EveryFailedWriteLosesNothingThatWasSynced) {
  std::set<std::string> messages;
  for (long n = 0;; ++n) {
    path_ = folder_ / fmt::format("n{}.h5", n);
    bool is_synced = false;
    auto const why = message_of([&] {
      set_write_fault(n, ENOSPC);
      auto writer = open();
      write(writer, 2);
      value_or_throw(writer.sync());
      is_synced = true;
      for (std::int64_t const unit : {0, 3, 1}) {
        write(writer, unit);
        value_or_throw(writer.sync());
      }
      writer.finish(Communicator::self());
    });
    set_write_fault(-1, 0);
    if (why == "it worked") break;
    EXPECT_THAT(why, AllOf(HasSubstr(path_.string()),
                           HasSubstr("No space left on device")));
    EXPECT_FALSE(fs::exists(path_)) << n;
    if (is_synced) {
      auto const done = units_done();
      EXPECT_EQ(std::ranges::count(done, 2), 1) << n;
    }
    write_the_rest();
    expect_undisturbed_file();
    messages.insert(why.substr(0, why.find(folder_.path().string())));
    ASSERT_LT(n, 100);
  }
  expect_undisturbed_file();
  EXPECT_THAT(messages,
              ElementsAre("cannot create ", "cannot flush ", "cannot open ",
                          "cannot put in place ", "cannot write "));
}

// The same writer goes on after a failure, as a job does that writes what it
// has at its end.
TEST_F(Writer, AFailedFlushIsNotForgotten) {
  auto writer = open();
  write(writer, 0);
  value_or_throw(writer.sync());
  write(writer, 1);
  set_write_fault(0, EIO);
  EXPECT_FALSE(writer.sync().has_value());
  set_write_fault(-1, 0);
  EXPECT_TRUE(writer.sync().has_value());
  write(writer, 2);
  // The data are flushed, and the journal's line is torn.
  set_write_fault(1, ENOSPC);
  EXPECT_FALSE(writer.sync().has_value());
  set_write_fault(-1, 0);
  EXPECT_TRUE(writer.sync().has_value());
  writer = FeatureWriter(std::move(writer));
  EXPECT_THAT(message_of([&] { writer.finish(Communicator::self()); }),
              HasSubstr("2 of 4 units"));
  write(writer, 3);
  write(writer, 1);
  writer.finish(Communicator::self());
  expect_undisturbed_file();
}

TEST_F(Writer, NothingIsLeftOfAFileThatCouldNotBeBegun) {
  auto const disk = SmallDisk::mount(folder_ / "disk", "64k");
  if (!disk) GTEST_SKIP() << "NOT TESTED: mounting a small disk needs root";
  path_ = folder_ / "disk/features.h5";
  contents_ = fake_contents(2000, 3);
  EXPECT_THAT(
      message_of([&] { open(); }),
      AllOf(HasSubstr(partial().string()), HasSubstr("No space left on device"),
            HasSubstr("Try to free space")));
  EXPECT_TRUE(fs::is_empty(folder_ / "disk"));
}

TEST_F(Writer, AFolderThatCannotBeUsed) {
  std::ofstream(folder_ / "file") << "x";
  path_ = folder_ / "file/features.h5";
  EXPECT_THAT(message_of([&] { open(); }),
              AllOf(HasSubstr(path_.string()), HasSubstr("Not a directory")));
}

TEST_F(Writer, ASecondJobIsRefusedWhileTheFirstOneWrites) {
  auto writer = open();
  write(writer, 0);
  value_or_throw(writer.sync());
  EXPECT_THAT(message_of([&] { open(); }),
              AllOf(HasSubstr(journal().string() + " is in use"),
                    HasSubstr(fmt::format("process {}", ::getpid()))));
  for (std::int64_t const unit : {1, 2, 3}) write(writer, unit);
  writer.finish(Communicator::self());
  expect_undisturbed_file();
}

TEST_F(Writer, ContentsThatMakeNoSense) {
  auto const message_for = [&](auto const& change) {
    auto const kept = contents_;
    change(contents_);
    auto const why = message_of([&] { open(); });
    contents_ = kept;
    EXPECT_FALSE(fs::exists(partial()));
    EXPECT_FALSE(fs::exists(journal()));
    return why;
  };
  EXPECT_THAT(message_for([](auto& c) { c.clips.clear(); }),
              HasSubstr("there is no clip"));
  EXPECT_THAT(message_for([](auto& c) { c.classes.clear(); }),
              HasSubstr("at least one class"));
  EXPECT_THAT(message_for([](auto& c) { c.batch = 0; }),
              HasSubstr("in units of 0 clips"));
  EXPECT_THAT(message_for([](auto& c) { c.num_views = 0; }),
              HasSubstr("cannot store 0 views"));
  EXPECT_THAT(message_for([](auto& c) {
                c.semantic.reset();
                c.motion.reset();
              }),
              HasSubstr("there is no stream"));
}

}  // namespace
}  // namespace gasm
