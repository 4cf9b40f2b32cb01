// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/prometheus.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <iterator>
#include <limits>

#include "gasm/base/file.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

std::vector<PrometheusMetric> const kMetrics = {
    {"gasm_a_ratio",
     "A \\ share\nof it.",
     PrometheusType::gauge,
     {{{{"run", "a\"b\\c\nd"}}, 0.1}, {{}, -2.0}}},
    {"gasm_none", "Left out.", PrometheusType::gauge, {}},
    {"gasm_b_total", "Things.", PrometheusType::counter, {{{}, 3.0}}}};

TEST(Prometheus, TextIsAsTheFormatHasIt) {
  EXPECT_EQ(format_prometheus(kMetrics),
            "# HELP gasm_a_ratio A \\\\ share\\nof it.\n"
            "# TYPE gasm_a_ratio gauge\n"
            "gasm_a_ratio{run=\"a\\\"b\\\\c\\nd\"} 0.1\n"
            "gasm_a_ratio -2\n"
            "# HELP gasm_b_total Things.\n"
            "# TYPE gasm_b_total counter\n"
            "gasm_b_total 3\n");
}

TEST(Prometheus, NumbersThatAreNotFinite) {
  double const inf = std::numeric_limits<double>::infinity();
  std::vector<PrometheusMetric> const metrics = {
      {"a",
       "A.",
       PrometheusType::gauge,
       {{{}, inf},
        {{}, -inf},
        {{}, std::numeric_limits<double>::quiet_NaN()}}}};
  EXPECT_THAT(format_prometheus(metrics), HasSubstr("a +Inf\na -Inf\na NaN\n"));
}

TEST(Prometheus, TheFileIsReplacedAndNothingElseLeft) {
  TempFolder const folder;
  auto const path = folder / "run.prom";
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(publish_prometheus(path, kMetrics));
  EXPECT_EQ(value_or_throw(read_text(path)), format_prometheus(kMetrics));
  EXPECT_EQ(
      std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Prometheus, AFullDiskKeepsTheOldFile) {
  TempFolder const folder;
  auto const path = folder / "run.prom";
  ASSERT_TRUE(publish_file(path, "old"));
  set_write_fault(1, ENOSPC);  // the opening of a file counts, too
  auto const done = publish_prometheus(path, kMetrics);
  set_write_fault(-1, 0);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().what(), HasSubstr("No space left"));
  EXPECT_EQ(value_or_throw(read_text(path)), "old");
  EXPECT_EQ(
      std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace gasm
