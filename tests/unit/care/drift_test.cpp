// SPDX-License-Identifier: Apache-2.0
#include "gasm/care/drift.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace gasm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using ClassCounts = std::map<std::string, std::int64_t>;

std::vector<DriftKind> kinds(std::vector<DriftAlert> const& alerts) {
  std::vector<DriftKind> found;
  for (auto const& alert : alerts) found.push_back(alert.kind);
  return found;
}

TEST(Drift, TotalVariationByHand) {
  EXPECT_DOUBLE_EQ(total_variation({{"a", 6}, {"b", 4}}, {{"a", 4}, {"b", 6}}),
                   0.2);
  EXPECT_DOUBLE_EQ(total_variation({{"a", 5}}, {{"b", 9}}), 1.0);
  // (|1/2 - 1/4| + |1/2 - 1/4| + |0 - 1/2|) / 2
  EXPECT_DOUBLE_EQ(
      total_variation({{"a", 1}, {"b", 1}}, {{"a", 1}, {"b", 1}, {"c", 2}}),
      0.5);
}

TEST(Drift, ChiSquareByHand) {
  // Statistic 8 with 1 degree of freedom: erfc(sqrt(8 / 2)).
  EXPECT_NEAR(class_p_value({{"a", 60}, {"b", 40}}, {{"a", 40}, {"b", 60}}),
              std::erfc(2.0), 1e-12);
  // Statistic 25 with 2 degrees of freedom: exp(-25 / 2).
  EXPECT_NEAR(class_p_value({{"a", 100}, {"b", 100}, {"c", 100}},
                            {{"a", 50}, {"b", 20}, {"c", 80}}),
              std::exp(-12.5), 1e-15);
  EXPECT_DOUBLE_EQ(class_p_value({{"a", 30}, {"b", 30}}, {{"a", 9}, {"b", 9}}),
                   1.0);
}

TEST(Drift, RareClassesAreOne) {
  // Of each rare class 2 clips are expected on the smaller side; together
  // they are the class b of the test above.
  ClassCounts reference{{"a", 60}};
  ClassCounts current{{"a", 40}};
  for (int i = 0; i < 20; ++i) {
    reference["rare" + std::to_string(i)] = 2;
    current["rare" + std::to_string(i)] = 3;
  }
  EXPECT_NEAR(class_p_value(reference, current), std::erfc(2.0), 1e-12);
  EXPECT_DOUBLE_EQ(class_p_value({{"a", 1}, {"b", 2}}, {{"a", 2}, {"b", 1}}),
                   1.0);
}

TEST(Drift, MeansByHand) {
  // 10 / sqrt(20^2/100 + 30^2/400) = 4 standard errors.
  EXPECT_NEAR(mean_p_value({100, 100, 20}, {400, 90, 30}),
              std::erfc(4 / std::sqrt(2.0)), 1e-15);
  EXPECT_DOUBLE_EQ(mean_p_value({9, 100, 1}, {400, 0, 1}), 1.0);
  EXPECT_DOUBLE_EQ(mean_p_value({10, 5, 0}, {10, 5, 0}), 1.0);
  EXPECT_DOUBLE_EQ(mean_p_value({10, 5, 0}, {10, 6, 0}), 0.0);
}

DriftSide side() {
  DriftSide found;
  found.name = "set";
  found.num_tried = 1000;
  found.classes = {{"a", 600}, {"b", 400}};
  found.brightness = {1000, 100.0, 20.0};
  found.motion = {1000, 8.0, 2.0};
  found.files = {{"1", "aa"}, {"2", "bb"}, {"3", ""}};
  return found;
}

TEST(Drift, EqualSidesRaiseNothing) {
  EXPECT_THAT(find_drift(side(), side()), IsEmpty());
  EXPECT_THAT(find_drift(DriftSide{}, DriftSide{}), IsEmpty());
  EXPECT_THAT(find_drift(side(), DriftSide{}), IsEmpty());
}

TEST(Drift, FailuresAboveTheRise) {
  auto now = side();
  now.num_failed = 1;
  EXPECT_THAT(find_drift(side(), now), IsEmpty());  // 0.001 is not above
  now.num_failed = 2;
  auto const alerts = find_drift(side(), now);
  ASSERT_THAT(kinds(alerts), ElementsAre(DriftKind::decode_errors));
  EXPECT_THAT(alerts[0].text, HasSubstr("2 of 1000 clips"));
  auto before = side();
  before.num_failed = 2;
  EXPECT_THAT(find_drift(before, now), IsEmpty());
}

TEST(Drift, FilesThatChangedOrAreGone) {
  auto now = side();
  now.files = {{"1", "cc"}, {"3", "dd"}};
  auto const alerts = find_drift(side(), now);
  ASSERT_THAT(kinds(alerts), ElementsAre(DriftKind::changed_files));
  // 3 had no good file to begin with.
  EXPECT_THAT(alerts[0].text, HasSubstr("2 of 3 files"));
  EXPECT_THAT(alerts[0].text, HasSubstr("1 of them missing; first: 1, 2"));
  DriftLimits limits;
  limits.max_changed = 0.7;
  EXPECT_THAT(find_drift(side(), now, limits), IsEmpty());
}

TEST(Drift, ClassesNeedBothDistanceAndSignificance) {
  auto now = side();
  now.classes = {{"a", 54}, {"b", 46}};  // 0.06, but only 100 clips
  EXPECT_THAT(find_drift(side(), now), IsEmpty());
  now.classes = {{"a", 5400}, {"b", 4600}};
  auto const alerts = find_drift(side(), now);
  ASSERT_THAT(kinds(alerts), ElementsAre(DriftKind::class_drift));
  EXPECT_THAT(alerts[0].text, HasSubstr("distance 0.060 (limit 0.05)"));
  EXPECT_THAT(alerts[0].text, HasSubstr("'a' 60.00 % -> 54.00 %"));
  now.classes = {{"a", 5600}, {"b", 4400}};  // 0.04: certain, but small
  EXPECT_THAT(find_drift(side(), now), IsEmpty());
}

TEST(Drift, MeansNeedBothShiftAndSignificance) {
  auto now = side();
  now.brightness = {1000, 89.0, 20.0};
  now.motion = {1000, 9.0, 2.0};
  auto const alerts = find_drift(side(), now);
  ASSERT_THAT(kinds(alerts), ElementsAre(DriftKind::brightness_drift,
                                         DriftKind::motion_drift));
  EXPECT_THAT(alerts[0].text, HasSubstr("-11.0 % (limit 10 %)"));
  EXPECT_THAT(alerts[1].text, HasSubstr("+12.5 %"));
  now.brightness = {1000, 91.0, 20.0};  // certain, but below a tenth
  now.motion = {12, 9.0, 2.0};          // large, but of 12 clips
  EXPECT_THAT(find_drift(side(), now), IsEmpty());
}

}  // namespace
}  // namespace gasm
