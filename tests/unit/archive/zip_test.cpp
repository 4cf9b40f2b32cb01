// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "archive_files.hpp"
#include "gasm/archive/zip_reader.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

class Zip : public testing::Test {
 protected:
  /// A zip archive by Python's zipfile.
  void make(std::string const& code) {
    put(folder / "make.py",
        fmt::format("import zipfile\n"
                    "z = zipfile.ZipFile('{}', 'w', zipfile.ZIP_DEFLATED)\n"
                    "{}z.close()\n",
                    path.string(), code));
    output_of("python3 " + (folder / "make.py").string());
  }
  std::string why(ZipLimits const& limits = {}) const {
    auto const members = read_zip(path, limits);
    return members ? "it worked" : members.error().what();
  }

  TempFolder folder;
  std::filesystem::path path = folder / "a.zip";
};

TEST_F(Zip, GivesAllFiles) {
  make(
      "z.writestr('labels/', '')\n"
      "z.writestr('labels/a.json', '[1, 2]' * 1000)\n"
      "z.writestr('../b.json', '')\n");
  auto const members = value_or_throw(read_zip(path));
  ASSERT_EQ(members.size(), 2U);
  EXPECT_EQ(members[0].name, "labels/a.json");
  EXPECT_EQ(members[0].bytes.size(), 6000U);
  EXPECT_EQ(members[1].name, "../b.json");
}

TEST_F(Zip, EveryCutIsFoundAndChangedBytesToo) {
  make("z.writestr('a.json', 'some text, not much of it')\n");
  auto const whole = get(path);
  for (std::size_t keep = 0; keep + 23 < whole.size(); ++keep) {
    put(path, whole.substr(0, keep));
    auto const members = read_zip(path);
    // Without its directory at the end a member may still be whole.
    if (!members) continue;
    EXPECT_EQ(members->at(0).bytes.size(), 25U);
  }
  put(path, whole.substr(0, 45));
  EXPECT_THAT(why(), HasSubstr("no sound zip archive"));
  auto changed = whole;
  changed[40] = static_cast<char>(changed[40] ^ 1);
  put(path, changed);
  EXPECT_THAT(why(), HasSubstr("no sound zip archive"));
}

TEST_F(Zip, Limits) {
  make(
      "z.writestr('bomb.json', ' ' * 3000000)\n"
      "z.writestr('b.json', '1')\n");
  ZipLimits limits;
  limits.max_bytes = 1'000'000;
  EXPECT_THAT(why(limits), HasSubstr("bomb.json has more than 1000000 bytes"));
  limits = {};
  limits.max_members = 1;
  EXPECT_THAT(why(limits), HasSubstr("more than 1 files"));
}

TEST_F(Zip, OtherFiles) {
  put(path, "<html>");
  EXPECT_THAT(why(), HasSubstr("a.zip is no sound zip archive"));
  put(path, "");
  EXPECT_THAT(why(), HasSubstr("no sound zip archive"));
  std::filesystem::remove(path);
  EXPECT_THAT(why(), HasSubstr("no sound zip archive"));
  make("");
  EXPECT_THAT(why(), HasSubstr("no sound zip archive"));
}

}  // namespace
}  // namespace gasm
