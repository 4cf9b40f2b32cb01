// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/flip_map.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace gasm {
namespace {

using testing::ElementsAre;

FlipMap map_of(std::vector<std::string> const& classes) {
  return make_flip_map(classes);
}

TEST(FlipMap, SwapsTheThreeKindsOfPairs) {
  EXPECT_THAT(
      map_of({"Pulling something from left to right",
              "Pulling something from right to left",
              "Pushing something from left to right", "Opening something",
              "Pushing something from right to left",
              "Turning the camera right while filming something",
              "Turning the camera left while filming something"}),
      ElementsAre(1, 0, 4, 3, 2, 6, 5));
}

TEST(FlipMap, OtherUsesOfTheWordsAreNoDirections) {
  EXPECT_THAT(
      map_of({"Plugging something in but pulling it right out again",
              "Putting something upright on the table",
              "Tipping something so that it lies on its side, not upright",
              "Showing leftovers to the camera", "Lifting a lefthanded cup"}),
      ElementsAre(0, 1, 2, 3, 4));
}

TEST(FlipMap, ClassWithoutItsPartnerIsExcluded) {
  EXPECT_THAT(
      map_of({"Pulling something from left to right", "Turning the camera left",
              "Opening something", "Moving the dot right then left"}),
      ElementsAre(-1, -1, 2, -1));
}

TEST(FlipMap, SwapsAllDirectionWordsOfAName) {
  EXPECT_THAT(
      map_of({"Pushing the left something left then right, easing each back",
              "Pushing the right something right then left, easing each back",
              "Pushing the left something right then left, easing each back",
              "Pushing the right something left then right, easing each "
              "back"}),
      ElementsAre(1, 0, 3, 2));
}

TEST(FlipMap, IsAnInvolution) {
  std::vector<std::string> classes;
  for (std::string const manner :
       {"left then right", "right then left", "up then down"})
    for (std::string const thing : {"dotted", "plain", "striped"})
      classes.push_back("Pushing something " + thing + " " + manner +
                        ", letting each snap back");
  auto const map = map_of(classes);
  for (std::size_t i = 0; i < classes.size(); ++i)
    EXPECT_EQ(map[static_cast<std::size_t>(map[i])],
              static_cast<std::int64_t>(i));
  EXPECT_THAT(map, ElementsAre(3, 4, 5, 0, 1, 2, 6, 7, 8));
}

TEST(FlipMap, OfNoClassIsEmpty) { EXPECT_TRUE(map_of({}).empty()); }

}  // namespace
}  // namespace gasm
