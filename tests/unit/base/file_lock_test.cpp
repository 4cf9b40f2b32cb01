// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/file_lock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "gasm/base/host_name.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(FileLock, IsHeldByOneAndNamesIt) {
  TempFolder const temp;
  std::optional<FileLock> first =
      value_or_throw(FileLock::take(temp / "lock", 0));
  auto const second = FileLock::take(temp / "lock", 0.2);
  ASSERT_FALSE(second);
  EXPECT_THAT(
      second.error().what(),
      AllOf(HasSubstr(temp.path().string() + " is in use"),
            HasSubstr(host_name()), HasSubstr(std::to_string(::getpid())),
            HasSubstr(", for ")));
  first.reset();
  EXPECT_TRUE(FileLock::take(temp / "lock", 0));
}

TEST(FileLock, MovesWithItsOwner) {
  TempFolder const temp;
  auto first = value_or_throw(FileLock::take(temp / "lock", 0));
  auto const second = std::move(first);
  EXPECT_FALSE(FileLock::take(temp / "lock", 0));
}

TEST(FileLock, OfAKilledProcessIsGivenBack) {
  TempFolder const temp;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  pid_t const child = ::fork();
  if (child == 0) {
    auto const lock = FileLock::take(temp / "lock", 0);
    char const word = lock ? 'y' : 'n';
    if (::write(ends[1], &word, 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char word = 0;
  ASSERT_EQ(::read(ends[0], &word, 1), 1);
  EXPECT_EQ(word, 'y');
  EXPECT_FALSE(FileLock::take(temp / "lock", 0));
  ::kill(child, SIGKILL);
  EXPECT_TRUE(FileLock::take(temp / "lock", 5));
  ::waitpid(child, nullptr, 0);
}

TEST(FileLock, SaysForHowLongItIsHeldWhateverTheClock) {
  TempFolder const temp;
  auto const lock = value_or_throw(FileLock::take(temp / "lock", 0));
  auto const hold_since = [&](std::chrono::seconds ago) {
    std::filesystem::last_write_time(
        temp / "lock", std::filesystem::file_time_type::clock::now() - ago);
    return std::string(FileLock::take(temp / "lock", 0).error().what());
  };
  EXPECT_THAT(hold_since(std::chrono::seconds(7205)),
              HasSubstr(", for 2 h 00 min)"));
  EXPECT_THAT(hold_since(std::chrono::seconds(-3600)), HasSubstr(", for 0 s)"));
}

TEST(FileLock, StateIsSeenFromOutside) {
  TempFolder const temp;
  EXPECT_EQ(lock_state(temp / "lock"), LockState::free);
  EXPECT_FALSE(std::filesystem::exists(temp / "lock"));
  std::optional<FileLock> lock =
      value_or_throw(FileLock::take(temp / "lock", 0));
  EXPECT_EQ(lock_state(temp / "lock"), LockState::held);
  lock.reset();
  EXPECT_EQ(lock_state(temp / "lock"), LockState::free);
  EXPECT_EQ(lock_state(temp / "lock/none"), LockState::unknown);
}

TEST(FileLock, NamesAFolderThatIsNotThere) {
  auto const lock = FileLock::take("/nonexistent/lock", 0);
  ASSERT_FALSE(lock);
  EXPECT_THAT(lock.error().what(), HasSubstr("/nonexistent/lock"));
}

}  // namespace
}  // namespace gasm
