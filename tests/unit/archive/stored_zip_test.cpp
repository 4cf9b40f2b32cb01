// SPDX-License-Identifier: Apache-2.0
#include "gasm/archive/stored_zip.hpp"

#include <gmock/gmock.h>

#include "archive_files.hpp"
#include "support/weight_bytes.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

class StoredZipTest : public testing::Test {
 protected:
  Result<StoredZip> open(std::string const& bytes) {
    put(path, bytes);
    return StoredZip::open(path);
  }
  std::string why(std::string const& bytes) {
    auto const zip = open(bytes);
    return zip ? "it worked" : zip.error().what();
  }
  static std::string text_of(StoredZip const& zip, std::string const& name) {
    std::string text(zip.members().at(name).num_bytes, '\0');
    auto const done = zip.read(name, std::as_writable_bytes(std::span(text)));
    return done ? text : done.error().what();
  }

  TempFolder folder;
  std::filesystem::path path = folder / "a.zip";
  std::vector<ZipPart> const parts = {{.name = "x/", .bytes = ""},
                                      {.name = "x/a", .bytes = "some text"},
                                      {.name = "x/b", .bytes = ""}};
};

TEST_F(StoredZipTest, ReadsBothDirectories) {
  for (auto const kind : {ZipKind::plain, ZipKind::zip64}) {
    auto const zip = open(zip_bytes(parts, kind));
    ASSERT_TRUE(zip) << zip.error().what();
    EXPECT_EQ(zip->members().size(), 2U);
    EXPECT_EQ(text_of(*zip, "x/a"), "some text");
    EXPECT_EQ(text_of(*zip, "x/b"), "");
  }
}

TEST_F(StoredZipTest, ReadsWhatPythonWrites) {
  put(folder / "make.py",
      fmt::format("import zipfile\n"
                  "z = zipfile.ZipFile('{}', 'w')\n"
                  "z.comment = b'a comment'\n"
                  "z.writestr('a', 'text' * 1000000)\n"
                  "z.open('b', 'w', force_zip64=True).write(b'more')\n"
                  "z.writestr('c', 'c' * 1000, zipfile.ZIP_DEFLATED)\n"
                  "z.close()\n",
                  path.string()));
  output_of("python3 " + (folder / "make.py").string());
  auto const zip = value_or_throw(StoredZip::open(path));
  EXPECT_EQ(text_of(zip, "a").substr(3'999'990), "xttexttext");
  EXPECT_EQ(text_of(zip, "b"), "more");
  EXPECT_THAT(text_of(zip, "c"), HasSubstr("c in "));
  EXPECT_THAT(text_of(zip, "c"), HasSubstr("compressed"));
}

TEST_F(StoredZipTest, EveryCutIsFound) {
  for (auto const kind : {ZipKind::plain, ZipKind::zip64}) {
    auto const whole = zip_bytes(parts, kind);
    for (std::size_t keep = 0; keep < whole.size(); ++keep)
      EXPECT_THAT(why(whole.substr(0, keep)), HasSubstr("no sound zip archive"))
          << keep;
    EXPECT_THAT(why(whole + "x"), HasSubstr("cut off"));
  }
}

TEST_F(StoredZipTest, EveryChangedByteIsFoundOrMeansNothing) {
  auto const whole = zip_bytes({{.name = "x/a", .bytes = "some text"}});
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x40);
    auto const zip = open(changed);
    if (!zip || !zip->members().contains("x/a")) continue;
    // Times, versions and attributes are of no account.
    if (zip->members().at("x/a").num_bytes == 9) {
      std::string text(9, '\0');
      if (zip->read("x/a", std::as_writable_bytes(std::span(text)))) {
        EXPECT_EQ(text, "some text") << i;
      }
    }
  }
}

TEST_F(StoredZipTest, RefusesWhatContradictsItself) {
  EXPECT_THAT(why(zip_bytes(
                  {{.name = "a", .bytes = "1"}, {.name = "a", .bytes = "2"}})),
              HasSubstr("a stands in it twice"));
  auto const one = zip_bytes({{.name = "a", .bytes = "text"}});
  auto const at = one.find("PK\x01\x02");
  auto longer = one;
  longer[at + 20] = longer[at + 24] = 100;
  EXPECT_THAT(why(longer), HasSubstr("outside of the file"));
  auto two_sizes = one;
  two_sizes[at + 20] = 3;
  EXPECT_THAT(why(two_sizes), HasSubstr("two sizes for a"));
  auto count = one;
  count[one.find("PK\x05\x06") + 10] = 2;
  EXPECT_THAT(why(count), HasSubstr("1 members, its directory says 2"));
  auto overlap =
      zip_bytes({{.name = "a", .bytes = "text"}, {.name = "a", .bytes = ""}});
  auto const second =
      overlap.find("PK\x01\x02", overlap.find("PK\x01\x02") + 1);
  overlap[second + 46] = 'b';
  overlap[second + 42] = 0;
  EXPECT_THAT(why(overlap), HasSubstr("same place"));
  auto zip64 = zip_bytes(parts, ZipKind::zip64);
  zip64[zip64.find("PK\x06\x07") + 8] ^= 1;
  EXPECT_THAT(why(zip64), HasSubstr("no ZIP64 directory where"));
}

TEST_F(StoredZipTest, NamesTheMemberThatIsDamaged) {
  auto zip = open(zip_bytes({{.name = "good", .bytes = "text"},
                             {.name = "bad", .bytes = "text", .crc_change = 4},
                             {.name = "packed", .bytes = "text", .method = 8},
                             {.name = "secret", .bytes = "text", .flags = 1}}));
  ASSERT_TRUE(zip) << zip.error().what();
  EXPECT_EQ(text_of(*zip, "good"), "text");
  EXPECT_THAT(text_of(*zip, "bad"), HasSubstr("bad: its checksum is wrong"));
  EXPECT_THAT(text_of(*zip, "packed"), HasSubstr("packed in"));
  EXPECT_THAT(text_of(*zip, "secret"), HasSubstr("encrypted"));
  auto renamed = zip_bytes({{.name = "a", .bytes = "text"}});
  renamed[30] = 'b';
  zip = open(renamed);
  ASSERT_TRUE(zip);
  EXPECT_THAT(text_of(*zip, "a"), HasSubstr("another name"));
  std::string none;
  EXPECT_THAT(
      zip->read("c", std::as_writable_bytes(std::span(none))).error().what(),
      HasSubstr("has no c"));
}

TEST_F(StoredZipTest, RefusesWhatIsNoOrdinaryFile) {
  EXPECT_FALSE(StoredZip::open(folder / "missing"));
  auto const done = StoredZip::open(folder.path());
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().what(), HasSubstr("no ordinary file"));
}

}  // namespace
}  // namespace gasm
