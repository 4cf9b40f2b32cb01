// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/provenance.hpp"

#include <gtest/gtest.h>

namespace gasm {
namespace {

TEST(CompareProvenance, NamesKeysWithOtherValuesInTheirOrder) {
  EXPECT_EQ(compare_provenance("b: 1\na: 2\n", "a: 2\nb: 1\n"), "");
  EXPECT_EQ(compare_provenance("b: 1\na: 2\n", "b: 3\na: 4\n"),
            "a: 2 there, 4 here; b: 1 there, 3 here");
}

TEST(CompareProvenance, KeysOfOneSideAlone) {
  EXPECT_EQ(compare_provenance("a: 1\nold: x\n", "a: 1\nnew: y\n"),
            "new: nothing there, y here; old: x there, nothing here");
  EXPECT_EQ(compare_provenance("", "a: 1\n"), "a: nothing there, 1 here");
  EXPECT_EQ(compare_provenance("", ""), "");
}

TEST(CompareProvenance, OnlyKeysThatCount) {
  auto const counts = [](std::string const& key) { return key != "a"; };
  EXPECT_EQ(compare_provenance("a: 1\nb: 1\n", "a: 2\nb: 1\n", counts), "");
  EXPECT_EQ(compare_provenance("a: 1\nb: 1\n", "a: 2\nb: 2\n", counts),
            "b: 1 there, 2 here");
}

TEST(CompareProvenance, ValuesHoldColonsAndMayBeEmpty) {
  EXPECT_EQ(compare_provenance("a: x: 1\n", "a: x: 2\n"),
            "a: x: 1 there, x: 2 here");
  EXPECT_EQ(compare_provenance("a: \n", "a: 2\n"), "a:  there, 2 here");
  EXPECT_EQ(compare_provenance("word\n", "a: 1\n"),
            "a: nothing there, 1 here; word:  there, nothing here");
}

}  // namespace
}  // namespace gasm
