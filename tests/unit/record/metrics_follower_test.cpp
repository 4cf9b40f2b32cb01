// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/metrics_follower.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "gasm/base/file.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class MetricsFollowerTest : public testing::Test {
 protected:
  std::string line(std::int64_t step) const {
    return format_metrics_line({1.0, step, 0.5, "train", {{"loss", 1.0}}}) +
           "\n";
  }
  void append(std::string const& text) {
    std::ofstream(path_, std::ios::app | std::ios::binary) << text;
  }
  std::vector<std::int64_t> steps() {
    value_or_throw(follower_.update());
    std::vector<std::int64_t> found;
    for (auto const& line : follower_.lines()) found.push_back(line.step);
    return found;
  }

  TempFolder folder_;
  std::filesystem::path path_ = folder_ / "metrics.jsonl";
  MetricsFollower follower_{path_};
};

TEST_F(MetricsFollowerTest, ReadsWhatIsNew) {
  EXPECT_THAT(steps(), IsEmpty());
  append(line(1));
  EXPECT_THAT(steps(), ElementsAre(1));
  append(line(2) + line(3));
  EXPECT_THAT(steps(), ElementsAre(1, 2, 3));
  EXPECT_THAT(steps(), ElementsAre(1, 2, 3));
}

TEST_F(MetricsFollowerTest, AnUnfinishedLineWaits) {
  auto const text = line(7);
  for (std::size_t cut = 1; cut < text.size(); cut += 5) {
    std::filesystem::remove(path_);
    MetricsFollower follower(path_);
    append(text.substr(0, cut));
    value_or_throw(follower.update());
    EXPECT_THAT(follower.lines(), IsEmpty());
    append(text.substr(cut));
    value_or_throw(follower.update());
    ASSERT_EQ(follower.lines().size(), 1u);
    EXPECT_EQ(follower.num_damaged(), 0);
  }
}

TEST_F(MetricsFollowerTest, AReplayedCurveIsReadAgain) {
  append(line(1) + line(2) + line(3));
  EXPECT_THAT(steps(), ElementsAre(1, 2, 3));
  // As a resumed run does, and it has already written on.
  ASSERT_TRUE(publish_file(path_, line(1)));
  append(line(12) + line(13) + line(14));
  EXPECT_THAT(steps(), ElementsAre(1, 12, 13, 14));
}

TEST_F(MetricsFollowerTest, ATruncatedFileIsReadAgain) {
  append(line(1) + line(2) + line(3));
  EXPECT_THAT(steps(), ElementsAre(1, 2, 3));
  std::filesystem::resize_file(path_, line(1).size());
  EXPECT_THAT(steps(), ElementsAre(1));
  std::filesystem::remove(path_);
  EXPECT_THAT(steps(), IsEmpty());
}

TEST_F(MetricsFollowerTest, DamageSpoilsOnlyItsLine) {
  append(line(1) + "{\"t\": 17\n" + std::string(3, '\0') + "\n" + line(2));
  EXPECT_THAT(steps(), ElementsAre(1, 2));
  EXPECT_EQ(follower_.num_damaged(), 2);
}

TEST_F(MetricsFollowerTest, LinesLongerThanABlockAreWhole) {
  std::vector<std::pair<std::string, double>> values;
  for (int i = 0; i < 20000; ++i)
    values.emplace_back("value_" + std::to_string(i), i);
  append(format_metrics_line({1.0, 5, 0.5, "train", values}) + "\n" + line(6));
  EXPECT_THAT(steps(), ElementsAre(5, 6));
  EXPECT_EQ(follower_.lines()[0].values.size(), 20000u);
}

TEST_F(MetricsFollowerTest, AFolderInItsPlaceIsAnError) {
  std::filesystem::create_directory(path_);
  EXPECT_FALSE(follower_.update());
}

}  // namespace
}  // namespace gasm
