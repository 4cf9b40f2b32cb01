// SPDX-License-Identifier: Apache-2.0
#include "gasm/archive/gzip_parts.hpp"

#include <gmock/gmock.h>

#include "archive_files.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::size_t kMegabyte = 1'000'000;

/// What comes out, up to the failure if there is one.
struct Unpacked {
  std::string bytes;
  std::string failure;
};

Unpacked unpack(std::filesystem::path const& place, GzipLimits limits = {},
                std::size_t piece_bytes = 100'003) {
  GzipParts stream(value_or_throw(find_parts(place)), limits);
  Unpacked out;
  std::vector<std::byte> piece(piece_bytes);
  for (;;) {
    auto const num = stream.read(piece);
    if (!num) {
      out.failure = num.error().what();
      EXPECT_EQ(stream.read(piece).error().what(), out.failure);
      return out;
    }
    if (*num == 0) break;
    out.bytes.append(reinterpret_cast<char const*>(piece.data()), *num);
  }
  EXPECT_EQ(stream.num_bytes(), out.bytes.size());
  return out;
}

/// A text that deflate can shrink, so that its blocks are of every kind.
std::string text_and_noise() {
  std::string bytes;
  for (int i = 0; i < 40'000; ++i) bytes += fmt::format("line {}\n", i * i);
  return noise(kMegabyte, 1) + bytes + noise(kMegabyte, 2);
}

class Parts : public testing::Test {
 protected:
  Parts() : bytes(text_and_noise()), packed(gzipped(folder, bytes)) {
    split_into(parts, "x", packed, 700'000);
  }
  std::filesystem::path part(int number) const {
    return parts / fmt::format("x-{:02}", number);
  }

  TempFolder folder;
  std::filesystem::path parts = folder / "parts";
  std::string bytes;
  std::string packed;
};

TEST_F(Parts, UnpackToWhatWasPacked) {
  auto const out = unpack(parts);
  EXPECT_EQ(out.failure, "");
  EXPECT_EQ(out.bytes, bytes);
  EXPECT_EQ(unpack(parts, {}, 1 << 20).bytes, bytes);
}

TEST_F(Parts, MayBeCutAnywhere) {
  std::string const small = packed = gzipped(folder, "a small text, small");
  for (std::size_t size = 1; size < small.size(); ++size) {
    if (small.size() / size > 98) continue;
    auto const place = folder / fmt::format("cut-{}", size);
    split_into(place, "x", small, size);
    EXPECT_EQ(unpack(place).bytes, "a small text, small") << size;
  }
}

TEST_F(Parts, ALastPartThatIsCutIsNamed) {
  auto const last = get(part(3));
  for (std::size_t keep : {last.size() - 1, last.size() / 2, std::size_t{1}}) {
    put(part(3), last.substr(0, keep));
    EXPECT_THAT(unpack(parts).failure,
                AllOf(HasSubstr("does not end with x-03"),
                      HasSubstr("fetch it again, and then x-04")));
  }
}

TEST_F(Parts, ALastPartThatIsMissing) {
  std::filesystem::remove(part(3));
  EXPECT_THAT(unpack(parts).failure, HasSubstr("does not end with x-02"));
}

TEST_F(Parts, AMiddlePartThatIsCut) {
  put(part(1), get(part(1)).substr(0, 600'000));
  EXPECT_THAT(unpack(parts).failure,
              HasSubstr("x-01 does not go on with x-02: x-01 (600000 bytes) is "
                        "truncated"));
}

TEST_F(Parts, TwoPartsInTheWrongOrder) {
  std::filesystem::rename(part(1), folder / "swap");
  std::filesystem::rename(part(2), part(1));
  std::filesystem::rename(folder / "swap", part(2));
  EXPECT_THAT(
      unpack(parts).failure,
      HasSubstr("x-00 goes on with x-02, not with x-01 (misnamed, or in "
                "the wrong order)"));
}

TEST_F(Parts, APartOfAnotherArchive) {
  put(part(2), noise(700'000, 9));
  EXPECT_THAT(unpack(parts).failure,
              AllOf(HasSubstr("x-01 does not go on with x-02"),
                    HasSubstr("x-02 belongs to another archive")));
  put(part(2), gzipped(folder, noise(700'000, 9)));
  EXPECT_THAT(unpack(parts).failure, HasSubstr("x-02 begins another archive"));
}

TEST_F(Parts, APartBehindTheEnd) {
  put(part(4), noise(1000, 9));
  EXPECT_THAT(unpack(parts).failure,
              HasSubstr("the archive ends with x-03; x-04 belongs to another"));
}

TEST_F(Parts, AChangedBitIsFound) {
  // In the header of the first block, in its bytes, in the checksum, in the
  // length. Noise is stored as it is: only the checksum knows.
  auto const stream = gzipped(folder, noise(12 * kMegabyte, 3));
  auto const place = folder / "long";
  auto const why = [&](std::size_t at) {
    auto changed = stream;
    changed[at] = static_cast<char>(changed[at] ^ 4);
    split_into(place, "y", changed, stream.size() / 2 + 1000);
    return unpack(place).failure;
  };
  EXPECT_THAT(why(10), HasSubstr("at byte "));
  EXPECT_THAT(why(10), HasSubstr("of y-00. Try to fetch y-00 again"));
  for (auto const at :
       {stream.size() / 4, stream.size() - 8, stream.size() - 1})
    EXPECT_THAT(why(at), HasSubstr("the checksum at the end of y-01 is wrong"));
}

TEST_F(Parts, StreamsInARowCountAsOneAndZerosBehindAreNothing) {
  put(folder / "two", gzipped(folder, "one, ") + gzipped(folder, "two") +
                          std::string(5000, '\0'));
  auto const out = unpack(folder / "two");
  EXPECT_EQ(out.failure, "");
  EXPECT_EQ(out.bytes, "one, two");
}

TEST_F(Parts, ABombIsRefused) {
  put(folder / "bomb", gzipped(folder, std::string(200 * kMegabyte, '\0')));
  auto const out = unpack(folder / "bomb");
  EXPECT_THAT(out.failure, HasSubstr("decompression bomb"));
  EXPECT_LT(out.bytes.size(), 100 * kMegabyte);
  GzipLimits limits;
  limits.max_ratio = 2000;
  EXPECT_EQ(unpack(folder / "bomb", limits).failure, "");
}

TEST_F(Parts, APartThatCannotBeRead) {
  GzipParts stream(value_or_throw(find_parts(parts)));
  std::filesystem::remove(part(0));
  std::vector<std::byte> piece(10);
  EXPECT_THAT(stream.read(piece).error().what(), HasSubstr("cannot open"));
}

}  // namespace
}  // namespace gasm
