// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <functional>

#include "gasm/base/file.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/store/clip_store.hpp"
#include "support/clip_files.hpp"
#include "support/small_disk.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string message_of(std::function<void()> const& body) {
  try {
    body();
  } catch (Error const& why) {
    return why.what();
  }
  return "it worked";
}

std::string write_message(std::filesystem::path const& path,
                          FakeClips const& clips) {
  return message_of([&] {
    write_clip_store(Communicator::self(), path, clips.contents,
                     clips.source());
  });
}

/// An older store in the way, which every failed write must leave alone.
class WriteFailure : public testing::Test {
 protected:
  void SetUp() override { write_old_store(folder_.path()); }

  void write_old_store(std::filesystem::path const& folder) {
    path_ = folder / "clips.h5";
    write_clip_store(Communicator::self(), path_, old_.contents, old_.source());
  }

  void expect_old_store() const {
    EXPECT_FALSE(std::filesystem::exists(path_.string() + ".tmp"));
    auto const store = value_or_throw(ClipStore::open(path_));
    EXPECT_EQ(store.data_hash(), data_hash(old_.contents));
  }

  TempFolder folder_;
  std::filesystem::path path_;
  FakeClips old_ = fake_clips({10, 20});
  FakeClips clips_ = fake_clips({30000, 50000, 40000});
};

TEST_F(WriteFailure, NothingFailsByItself) {
  EXPECT_EQ(write_message(path_, clips_), "it worked");
  EXPECT_EQ(value_or_throw(ClipStore::open(path_)).data_hash(),
            data_hash(clips_.contents));
}

TEST_F(WriteFailure, SourceThatCannotBeRead) {
  auto const why = message_of([&] {
    write_clip_store(Communicator::self(), path_, clips_.contents,
                     [](std::int64_t) -> Result<std::vector<std::byte>> {
                       return failure("the tape is torn");
                     });
  });
  EXPECT_THAT(why, HasSubstr("the tape is torn"));
  expect_old_store();
}

TEST_F(WriteFailure, SourceThatThrows) {
  auto const why = message_of([&] {
    write_clip_store(Communicator::self(), path_, clips_.contents,
                     [](std::int64_t) -> Result<std::vector<std::byte>> {
                       throw std::runtime_error("a surprise");
                     });
  });
  EXPECT_THAT(why, HasSubstr("a surprise"));
  expect_old_store();
}

TEST_F(WriteFailure, SourceThatChangedSinceItWasVerified) {
  clips_.bytes[1][7] ^= std::byte{1};
  EXPECT_THAT(write_message(path_, clips_),
              HasSubstr("clip '2' is not what it was"));
  expect_old_store();
}

TEST_F(WriteFailure, MissingFolder) {
  EXPECT_THAT(write_message(folder_ / "nowhere/clips.h5", clips_),
              AllOf(HasSubstr("nowhere/clips.h5"),
                    HasSubstr("No such file or directory")));
}

TEST_F(WriteFailure, FolderInItsPlace) {
  std::filesystem::create_directory(folder_ / "taken");
  EXPECT_THAT(write_message(folder_ / "taken", clips_),
              HasSubstr("it is a folder"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "taken.tmp"));
}

TEST_F(WriteFailure, FileSizeLimit) {
  auto const previous = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  rlimit const small{60000, limit.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  auto const why = write_message(path_, clips_);
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, previous);
  EXPECT_THAT(why, AllOf(HasSubstr("clips.h5.tmp"), HasSubstr("too large")));
  expect_old_store();
}

TEST_F(WriteFailure, RenameThatFails) {
  set_write_fault(0, EROFS);
  auto const why = write_message(path_, clips_);
  set_write_fault(-1, 0);
  EXPECT_THAT(why, HasSubstr("Read-only file system"));
  expect_old_store();
}

TEST_F(WriteFailure, FullDisk) {
  auto const disk = SmallDisk::mount(folder_ / "disk", "100k");
  if (!disk) GTEST_SKIP() << "NOT TESTED: mounting a small disk needs root";
  write_old_store(folder_ / "disk");
  EXPECT_THAT(
      write_message(path_, clips_),
      AllOf(HasSubstr("clips.h5.tmp"), HasSubstr("No space left on device"),
            HasSubstr("Try to free space")));
  expect_old_store();
  EXPECT_EQ(write_message(path_, fake_clips({10, 20, 30})), "it worked");
}

TEST_F(WriteFailure, ContentsThatMakeNoSense) {
  auto const message_for = [&](auto const& change) {
    auto clips = clips_;
    change(clips.contents);
    auto const why = write_message(path_, clips);
    expect_old_store();
    return why;
  };
  EXPECT_THAT(message_for([](auto& c) { c.clips.clear(); }),
              HasSubstr("no clip to store"));
  EXPECT_THAT(message_for([](auto& c) { c.clips[1].id = c.clips[0].id; }),
              HasSubstr("clip '1' is listed twice"));
  EXPECT_THAT(message_for([](auto& c) { c.clips[1].id.clear(); }),
              HasSubstr("id is empty"));
  EXPECT_THAT(message_for([](auto& c) { c.clips[1].label = 3; }),
              HasSubstr("label 3 of 3 classes"));
  EXPECT_THAT(message_for([](auto& c) { c.clips[1].label = -2; }),
              HasSubstr("label -2"));
  EXPECT_THAT(message_for([](auto& c) { c.clips[1].num_bytes = 0; }),
              HasSubstr("0 bytes"));
  EXPECT_THAT(message_for([](auto& c) { c.clips[1].num_frames = 0; }),
              HasSubstr("0 frames"));
  EXPECT_THAT(message_for([](auto& c) { c.classes.clear(); }),
              HasSubstr("at least one class"));
}

}  // namespace
}  // namespace gasm
