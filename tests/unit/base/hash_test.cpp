// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/hash.hpp"

#include <gtest/gtest.h>

#include "gasm/base/file.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

// As the xxh64sum tool prints them.
TEST(Xxh64, IsThatOfTheTool) {
  EXPECT_EQ(to_hex(xxh64("")), "ef46db3751d8e999");
  EXPECT_EQ(to_hex(xxh64("a")), "d24ec4f1a98c6e5b");
  EXPECT_EQ(to_hex(xxh64("abc")), "44bc2cf5ad770999");
}

TEST(Xxh64, PiecesAndFilesGiveTheSame) {
  std::string text(300000, 'x');
  for (std::size_t i = 0; i < text.size(); i += 7) text[i] = char(i % 100);
  auto const bytes = std::as_bytes(std::span(text));
  Xxh64 pieces;
  pieces.update(bytes.first(13));
  pieces.update(bytes.subspan(13, 70000));
  pieces.update(bytes.subspan(70013));
  EXPECT_EQ(pieces.digest(), xxh64(text));
  TempFolder const temp;
  value_or_throw(publish_file(temp / "f", text));
  EXPECT_EQ(value_or_throw(xxh64_file(temp / "f")), xxh64(text));
  EXPECT_FALSE(xxh64_file(temp / "none"));
}

TEST(Xxh64, HexKeepsLeadingZeros) {
  EXPECT_EQ(to_hex(0x1f), "000000000000001f");
}

}  // namespace
}  // namespace gasm
