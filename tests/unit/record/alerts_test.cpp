// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/alerts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "gasm/base/file.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

TEST(Alerts, ReadBackInOrder) {
  TempFolder const folder;
  auto const path = folder / "alerts.jsonl";
  ASSERT_TRUE(append_alert(path, {5.0, 1, "bad_sample", "clip \"7\"\n"}));
  ASSERT_TRUE(append_alert(path, {0.0, 2, "non_finite", "loss"}));
  auto const alerts = value_or_throw(read_alerts(path));
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_EQ(alerts[0].time_s, 5.0);
  EXPECT_EQ(alerts[0].text, "clip \"7\"\n");
  EXPECT_EQ(alerts[1].step, 2);
  EXPECT_GT(alerts[1].time_s, 1.6e9);
}

TEST(Alerts, NoFileMeansNone) {
  TempFolder const folder;
  EXPECT_TRUE(value_or_throw(read_alerts(folder / "alerts.jsonl")).empty());
}

TEST(Alerts, ATornLineSpoilsOnlyItself) {
  TempFolder const folder;
  auto const path = folder / "alerts.jsonl";
  ASSERT_TRUE(append_alert(path, {5.0, 1, "a", "first"}));
  auto const whole = value_or_throw(read_text(path));
  ASSERT_TRUE(publish_file(path, whole + R"({"t": 6.0, "st)"));
  ASSERT_TRUE(append_alert(path, {7.0, 3, "c", "third"}));
  auto const alerts = value_or_throw(read_alerts(path));
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_EQ(alerts[0].text, "first");
  EXPECT_EQ(alerts[1].text, "third");
}

TEST(Alerts, AFullDiskIsReported) {
  TempFolder const folder;
  set_write_fault(0, ENOSPC);
  auto const written = append_alert(folder / "alerts.jsonl", {});
  set_write_fault(-1, 0);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().what(), HasSubstr("No space left"));
}

}  // namespace
}  // namespace gasm
