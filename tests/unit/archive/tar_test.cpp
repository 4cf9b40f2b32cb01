// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "archive_files.hpp"
#include "gasm/archive/tar_reader.hpp"
#include "gasm/archive/tar_writer.hpp"

namespace gasm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::span<std::byte const> bytes_of(std::string const& text) {
  return std::as_bytes(std::span(text));
}

/// Writes with Python's tarfile, which is told what to do with `tar`.
std::filesystem::path python_tar(TempFolder const& folder,
                                 std::string const& code) {
  auto const path = folder / "python.tar";
  put(folder / "make.py",
      fmt::format(
          "import io, tarfile\n"
          "def add(tar, name, data, **more):\n"
          "  info = tarfile.TarInfo(name)\n"
          "  info.size = len(data)\n"
          "  for key, value in more.items(): setattr(info, key, value)\n"
          "  tar.addfile(info, io.BytesIO(data))\n"
          "path = '{}'\n{}",
          path.string(), code));
  output_of("python3 " + (folder / "make.py").string());
  return path;
}

std::vector<TarMember> members_of(std::filesystem::path const& path) {
  auto reader = value_or_throw(TarReader::open(path));
  std::vector<TarMember> members;
  while (auto const member = value_or_throw(reader.next()))
    members.push_back(*member);
  return members;
}

TEST(TarWriter, WritesWhatPythonReads) {
  TempFolder const folder;
  auto tar = value_or_throw(TarWriter::create(folder / "a.tar"));
  std::string const large = noise(1'500'001, 1);
  value_or_throw(tar.add("1.cls", bytes_of("7")));
  value_or_throw(tar.add("1.webm", bytes_of(large)));
  value_or_throw(tar.add("empty.json", {}));
  value_or_throw(tar.add("caf\u00e9.json", bytes_of("{}")));
  value_or_throw(tar.close());
  put(folder / "large", large);
  EXPECT_EQ(
      output_of(fmt::format(
          "python3 -c \"import tarfile\n"
          "for m in tarfile.open('{}', errorlevel=2):\n"
          "  print(m.name, m.size, m.mtime, m.uid, m.gid, oct(m.mode), "
          "m.uname, m.gname, m.isfile())\n\"",
          (folder / "a.tar").string())),
      "1.cls 1 0 0 0 0o644   True\n1.webm 1500001 0 0 0 0o644   True\n"
      "empty.json 0 0 0 0 0o644   True\ncaf\u00e9.json 2 0 0 0 0o644   True\n");
  output_of(fmt::format("tar -xOf {} 1.webm | cmp - {}",
                        (folder / "a.tar").string(),
                        (folder / "large").string()));
  EXPECT_EQ(std::filesystem::file_size(folder / "a.tar") % 10240, 0U);
}

TEST(TarWriter, EqualContentsGiveEqualBytes) {
  TempFolder const folder;
  for (auto const* name : {"a.tar", "b.tar"}) {
    auto tar = value_or_throw(TarWriter::create(folder / name));
    value_or_throw(tar.add("x.json", bytes_of("{\"id\": 1}")));
    value_or_throw(tar.close());
  }
  EXPECT_EQ(get(folder / "a.tar"), get(folder / "b.tar"));
}

TEST(TarWriter, RefusesNamesThatDoNotFit) {
  TempFolder const folder;
  auto tar = value_or_throw(TarWriter::create(folder / "a.tar"));
  EXPECT_THAT(tar.add(std::string(101, 'x'), bytes_of("1")).error().what(),
              HasSubstr("xxx into a tar archive"));
}

TEST(TarWriter, EveryFailingWriteIsReported) {
  TempFolder const folder;
  std::string const large = noise(2'000'000, 1);
  int num_failures = 0;
  for (long n = 0; n < 50; ++n) {
    set_write_fault(n, ENOSPC);
    auto const done = [&]() -> Result<void> {
      auto tar = TarWriter::create(folder / "full.tar");
      if (!tar) return tl::unexpected(tar.error());
      if (auto added = tar->add("1.webm", bytes_of(large)); !added)
        return added;
      return tar->close();
    }();
    set_write_fault(-1, 0);
    if (done) break;
    ++num_failures;
    EXPECT_THAT(done.error().what(), HasSubstr("No space left on device"));
  }
  // Open, four blocks of 640 KiB or less, and the flush.
  EXPECT_EQ(num_failures, 6);
}

TEST(TarReader, OffsetsAreWhereTheBytesLie) {
  TempFolder const folder;
  auto const long_name = std::string(180, 'n') + ".webm";
  for (auto const* format : {"USTAR_FORMAT", "PAX_FORMAT", "GNU_FORMAT"}) {
    bool const is_ustar = std::string(format) == "USTAR_FORMAT";
    auto const path = python_tar(
        folder, fmt::format("t = tarfile.open(path, 'w', format=tarfile.{})\n"
                            "add(t, 'd/1.webm', b'first', mtime=1.5)\n"
                            "add(t, '{}', b'second' * 1000)\n"
                            "add(t, '3.webm', b'')\n"
                            "t.close()\n",
                            format, is_ustar ? "2.webm" : long_name));
    auto const all = get(path);
    auto const members = members_of(path);
    ASSERT_EQ(members.size(), 3U) << format;
    EXPECT_EQ(members[0].name, "d/1.webm");
    EXPECT_EQ(all.substr(members[0].offset, 5), "first") << format;
    EXPECT_EQ(members[1].name, is_ustar ? "2.webm" : long_name);
    ASSERT_EQ(members[1].num_bytes, 6000U);
    EXPECT_EQ(all.substr(members[1].offset, 12), "secondsecond") << format;
    EXPECT_EQ(members[2].num_bytes, 0U);
  }
}

TEST(TarReader, TellsFilesFromLinksFoldersAndSparseFiles) {
  TempFolder const folder;
  auto const path = python_tar(
      folder,
      "t = tarfile.open(path, 'w')\n"
      "add(t, 'd', b'', type=tarfile.DIRTYPE)\n"
      "add(t, 's', b'', type=tarfile.SYMTYPE, linkname='/etc/passwd')\n"
      "add(t, 'h', b'', type=tarfile.LNKTYPE, linkname='d')\n"
      "add(t, 'p', b'', type=tarfile.FIFOTYPE)\n"
      "add(t, '../f', b'x')\n"
      "t.close()\n");
  std::vector<MemberKind> kinds;
  for (auto const& member : members_of(path)) kinds.push_back(member.kind);
  EXPECT_THAT(kinds, ElementsAre(MemberKind::folder, MemberKind::other,
                                 MemberKind::other, MemberKind::other,
                                 MemberKind::file));
  EXPECT_EQ(members_of(path).back().name, "../f");
  output_of(
      fmt::format("cd {0} && truncate -s 1M hole && echo x >> hole && "
                  "tar -cSf hole.tar hole",
                  folder.path().string()));
  EXPECT_TRUE(members_of(folder / "hole.tar")[0].is_sparse);
}

TEST(TarReader, RefusesWhatIsTooLargeOrDamaged) {
  TempFolder const folder;
  auto const path = python_tar(folder,
                               "t = tarfile.open(path, 'w')\n"
                               "add(t, '1.webm', b'0123456789')\n"
                               "add(t, '2.webm', b'0123456789')\n"
                               "t.close()\n");
  {
    auto reader = value_or_throw(TarReader::open(path));
    value_or_throw(reader.next());
    EXPECT_THAT(reader.read(9).error().what(),
                HasSubstr("1.webm has more than 9 bytes"));
  }
  auto bytes = get(path);
  bytes[1024 + 5] = 'x';  // in the second header, whose sum is then wrong
  put(path, bytes);
  auto reader = value_or_throw(TarReader::open(path));
  ASSERT_TRUE(reader.next().has_value());
  EXPECT_FALSE(reader.next().has_value());
}

TEST(TarReader, RefusesWhatIsNoTar) {
  TempFolder const folder;
  put(folder / "noise", noise(10'000, 1));
  put(folder / "none", "");
  for (auto const* name : {"noise", "none"}) {
    auto reader = TarReader::open(folder / name);
    EXPECT_FALSE(reader && reader->next()) << name;
  }
  EXPECT_FALSE(TarReader::open(folder / "gone").has_value());
}

TEST(TarReader, ASourceThatFailsIsWhatIsReported) {
  auto reader = TarReader::of([](std::span<std::byte>) -> Result<std::size_t> {
    return failure("the disk is on fire");
  });
  EXPECT_STREQ(reader.next().error().what(), "the disk is on fire");
}

}  // namespace
}  // namespace gasm
