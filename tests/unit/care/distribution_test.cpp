// SPDX-License-Identifier: Apache-2.0
#include "gasm/care/distribution.hpp"

#include <gmock/gmock.h>

namespace gasm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Distribution, NiceWidths) {
  EXPECT_DOUBLE_EQ(nice_width(1), 1);
  EXPECT_DOUBLE_EQ(nice_width(1.01), 2);
  EXPECT_DOUBLE_EQ(nice_width(3), 5);
  EXPECT_DOUBLE_EQ(nice_width(5.5), 10);
  EXPECT_DOUBLE_EQ(nice_width(0.03), 0.05);
  EXPECT_DOUBLE_EQ(nice_width(700), 1000);
}

TEST(Distribution, FiguresByHand) {
  auto const d = distribution_of({4, 1, 3, 2}, 1);
  EXPECT_EQ(d.count, 4);
  EXPECT_DOUBLE_EQ(d.mean, 2.5);
  EXPECT_DOUBLE_EQ(d.std * d.std, 5.0 / 3);
  EXPECT_DOUBLE_EQ(d.min, 1);
  EXPECT_DOUBLE_EQ(d.p05, 1.15);  // 0.05 of the way over 3 gaps
  EXPECT_DOUBLE_EQ(d.median, 2.5);
  EXPECT_DOUBLE_EQ(d.p95, 3.85);
  EXPECT_DOUBLE_EQ(d.max, 4);
  EXPECT_DOUBLE_EQ(d.histogram.first, 1);
  EXPECT_DOUBLE_EQ(d.histogram.width, 1);
  EXPECT_THAT(d.histogram.counts, ElementsAre(1, 1, 1, 1));
}

TEST(Distribution, OneValueAndNone) {
  auto const one = distribution_of({7.25}, 0.1);
  EXPECT_DOUBLE_EQ(one.std, 0);
  EXPECT_DOUBLE_EQ(one.p95, 7.25);
  EXPECT_THAT(one.histogram.counts, ElementsAre(1));
  EXPECT_NEAR(one.histogram.first, 7.2, 1e-9);
  auto const none = distribution_of({}, 1);
  EXPECT_EQ(none.count, 0);
  EXPECT_THAT(none.histogram.counts, IsEmpty());
}

TEST(Distribution, BinsAreNiceAndFew) {
  std::vector<double> values;
  for (int i = 3; i < 1000; ++i) values.push_back(i);
  auto const h = distribution_of(values, 1, 20).histogram;
  EXPECT_DOUBLE_EQ(h.width, 50);  // 996 / 20 = 49.8
  EXPECT_DOUBLE_EQ(h.first, 0);
  ASSERT_EQ(h.counts.size(), 20U);
  EXPECT_EQ(h.counts[0], 47);
  EXPECT_EQ(h.counts[19], 50);
}

}  // namespace
}  // namespace gasm
