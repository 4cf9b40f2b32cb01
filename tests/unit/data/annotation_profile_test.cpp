// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/annotation_profile.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace gasm {
namespace {

using testing::HasSubstr;

/// 174 classes with the three pairs where the publisher has them.
std::vector<std::string> ssv2_classes() {
  std::vector<std::string> classes;
  for (int i = 0; i < 174; ++i) classes.push_back("Class " + std::to_string(i));
  classes[86] = "Pulling something from left to right";
  classes[87] = "Pulling something from right to left";
  classes[93] = "Pushing something from left to right";
  classes[94] = "Pushing something from right to left";
  classes[166] = "Turning the camera left while filming something";
  classes[167] = "Turning the camera right while filming something";
  return classes;
}

AnnotatedSplit split(std::string const& name, std::size_t num_records) {
  AnnotatedSplit found;
  found.split = name;
  found.classes = ssv2_classes();
  found.records.resize(num_records);
  for (std::size_t i = 0; i < num_records; ++i)
    found.records[i].label = static_cast<std::int64_t>(i % 3) - 1;
  return found;
}

TEST(AnnotationProfile, Complete) {
  std::vector const splits = {split("train", 168913),
                              split("validation", 24777), split("test", 27157)};
  auto const profile = profile_annotations(splits);
  EXPECT_TRUE(profile.is_ssv2);
  EXPECT_TRUE(profile.counts_match);
  EXPECT_EQ(describe(profile), "SSv2: yes, counts match");
  EXPECT_EQ(profile.splits[1].num_records, 24777);
  EXPECT_EQ(profile.splits[1].num_labelled, 24777 * 2 / 3);
  EXPECT_EQ(profile.splits[1].num_used_classes, 2);
  EXPECT_EQ(profile.splits[1].expected, 24777);
}

TEST(AnnotationProfile, Incomplete) {
  std::vector const splits = {split("train", 168912), split("extra", 2)};
  auto const profile = profile_annotations(splits);
  EXPECT_TRUE(profile.is_ssv2);
  EXPECT_FALSE(profile.counts_match);
  EXPECT_EQ(describe(profile),
            "SSv2: yes, but counts differ: train 168912 of 168913, no "
            "validation, no test");
  auto const json = nlohmann::json::parse("{" + profile_members(profile) + "}");
  EXPECT_EQ(json["ssv2"],
            nlohmann::json({{"is_ssv2", true}, {"counts_match", false}}));
  EXPECT_EQ(json["splits"][0]["expected_ssv2"], 168913);
  EXPECT_TRUE(json["splits"][1]["expected_ssv2"].is_null());
}

TEST(AnnotationProfile, OtherDataSets) {
  auto other = split("train", 3);
  std::swap(other.classes[86], other.classes[94]);
  EXPECT_THAT(describe(profile_annotations({&other, 1})),
              HasSubstr("no (174 classes, but other ids"));
  other.classes.resize(24);
  auto const profile = profile_annotations({&other, 1});
  EXPECT_FALSE(profile.is_ssv2);
  EXPECT_EQ(describe(profile), "SSv2: no (24 classes, not 174)");
}

}  // namespace
}  // namespace gasm
