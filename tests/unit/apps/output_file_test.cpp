// SPDX-License-Identifier: Apache-2.0
#include "output_file.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "gasm/base/error.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class OutputFile : public testing::Test {
 protected:
  void SetUp() override { write("input"); }

  fs::path write(std::string const& name) {
    std::ofstream(folder_ / name) << "text";
    return folder_ / name;
  }
  static std::string check_error(fs::path const& output) {
    try {
      check_output("--output", output);
    } catch (Error const& refused) {
      return refused.what();
    }
    return "it passed";
  }
  std::string same_error(fs::path const& output) const {
    try {
      refuse_same_file("--output", output,
                       {"", folder_ / "gone", folder_ / "input"});
    } catch (Error const& refused) {
      EXPECT_EQ(refused.code(), ExitCode::usage);
      return refused.what();
    }
    return "it passed";
  }

  TempFolder folder_;
};

TEST_F(OutputFile, PlaceThatCanBeWritten) {
  EXPECT_EQ(check_error(folder_ / "new"), "it passed");
  EXPECT_EQ(check_error(folder_ / "input"), "it passed");
  EXPECT_EQ(check_error("a-name-alone"), "it passed");
  EXPECT_FALSE(fs::exists("a-name-alone"));
  EXPECT_FALSE(fs::exists(folder_ / "new"));
}

TEST_F(OutputFile, PlaceThatCannot) {
  EXPECT_THAT(check_error(""), HasSubstr("--output is empty"));
  EXPECT_THAT(check_error(folder_.path()), HasSubstr("is a folder"));
  EXPECT_THAT(check_error(folder_ / "no/new"), HasSubstr("does not exist"));
  EXPECT_THAT(check_error(folder_ / "input/new"), HasSubstr("is no folder"));
}

TEST_F(OutputFile, FolderWithoutPermission) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  fs::permissions(folder_.path(),
                  fs::perms::owner_read | fs::perms::owner_exec);
  auto const why = check_error(folder_ / "new");
  fs::permissions(folder_.path(), fs::perms::owner_all);
  EXPECT_THAT(why, HasSubstr("Permission denied"));
}

TEST_F(OutputFile, InputByAnyName) {
  EXPECT_EQ(same_error(folder_ / "new"), "it passed");
  EXPECT_EQ(same_error(write("other")), "it passed");
  EXPECT_EQ(same_error(folder_ / "gone"), "it passed");
  EXPECT_THAT(same_error(folder_ / "input"), HasSubstr("would be overwritten"));
  fs::create_directory(folder_ / "sub");
  EXPECT_THAT(same_error(folder_ / "sub/../input"), HasSubstr("overwritten"));
  fs::create_symlink("input", folder_ / "link");
  EXPECT_THAT(same_error(folder_ / "link"), HasSubstr("overwritten"));
}

}  // namespace
}  // namespace gasm
