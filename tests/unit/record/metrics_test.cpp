// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cerrno>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "gasm/base/clock.hpp"
#include "gasm/base/rng.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

MetricsLine line_of(std::int64_t step, double loss) {
  return {1.7e9 + 0.125, step, 0.5, "train", {{"loss", loss}, {"lr", 1e-3}}};
}

class MetricsTest : public testing::Test {
 protected:
  ~MetricsTest() override { set_write_fault(-1, 0); }

  MetricsWriter open(std::optional<ResumePoint> resume = {}) {
    return value_or_throw(MetricsWriter::open(path(), resume));
  }
  std::filesystem::path path() const { return folder_ / "metrics.jsonl"; }
  std::string text() const { return value_or_throw(read_text(path())); }
  std::vector<std::int64_t> steps() const {
    std::vector<std::int64_t> found;
    for (auto const& line : value_or_throw(read_metrics(path())))
      found.push_back(line.step);
    return found;
  }

  TempFolder folder_;
};

TEST_F(MetricsTest, LineIsAsDocumented) {
  EXPECT_EQ(format_metrics_line(line_of(120, 1.23)),
            R"({"t": 1700000000.125, "step": 120, "epoch": 0.5, )"
            R"("split": "train", "m": {"loss": 1.23, "lr": 0.001}})");
}

TEST_F(MetricsTest, LineIsJsonWhateverTheNames) {
  MetricsLine line = line_of(1, 0.5);
  line.split = "a\"b\\c\n";
  line.values = {{"caf\xc3\xa9", 1.0}, {"bad\xff", 2.0}, {"", -0.0}};
  auto const json = nlohmann::json::parse(format_metrics_line(line));
  EXPECT_EQ(json["split"], "a\"b\\c\n");
  EXPECT_EQ(json["m"]["caf\xc3\xa9"], 1.0);
  EXPECT_EQ(json["m"]["bad\xef\xbf\xbd"], 2.0);
}

TEST_F(MetricsTest, FloatsSurviveBitForBit) {
  Rng rng({1, 2});
  auto writer = open();
  std::vector<float> wanted;
  for (int i = 0; i < 2000; ++i) {
    auto const value = std::bit_cast<float>(rng.u32());
    if (!std::isfinite(value)) continue;
    wanted.push_back(value);
    ASSERT_TRUE(writer.write(line_of(i, static_cast<double>(value))));
  }
  auto const lines = value_or_throw(read_metrics(path()));
  ASSERT_EQ(lines.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i)
    EXPECT_EQ(std::bit_cast<std::uint32_t>(
                  static_cast<float>(lines[i].values[0].second)),
              std::bit_cast<std::uint32_t>(wanted[i]));
}

TEST_F(MetricsTest, KeepsTheOrderOfValuesAndFillsInTheTime) {
  auto writer = open();
  double const before_s = unix_time_s();
  ASSERT_TRUE(writer.write({0.0, 3, 1.0, "val", {{"z", 1}, {"a", 2}}}));
  auto const line = value_or_throw(read_metrics(path())).at(0);
  EXPECT_EQ(line.split, "val");
  EXPECT_EQ(line.values[0].first, "z");
  EXPECT_EQ(line.values[1].first, "a");
  EXPECT_NEAR(line.time_s, before_s, 5.0);
}

TEST_F(MetricsTest, NonFiniteIsNull) {
  auto writer = open();
  double const nan = std::numeric_limits<double>::quiet_NaN();
  double const inf = std::numeric_limits<double>::infinity();
  ASSERT_TRUE(writer.write({1.0, 7, 1.0, "train", {{"a", nan}, {"b", -inf}}}));
  EXPECT_THAT(text(), HasSubstr(R"("m": {"a": null, "b": null})"));
  auto const line = value_or_throw(read_metrics(path())).at(0);
  EXPECT_TRUE(std::isnan(line.values[0].second));
}

TEST_F(MetricsTest, IsReadableWhileItIsWritten) {
  auto writer = open();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(writer.write(line_of(i, i)));
    EXPECT_EQ(steps().size(), static_cast<std::size_t>(i) + 1);
  }
}

TEST_F(MetricsTest, GoesOnAfterReopening) {
  ASSERT_TRUE(open().write(line_of(1, 1)));
  ASSERT_TRUE(open().write(line_of(2, 1)));
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "metrics.jsonl.replayed"));
}

TEST_F(MetricsTest, ATornLastLineIsCut) {
  auto const first = format_metrics_line(line_of(1, 0.5)) + "\n";
  auto const second = format_metrics_line(line_of(2, 0.5)) + "\n";
  for (std::size_t size = 0; size < second.size(); size += 4) {
    ASSERT_TRUE(publish_file(path(), first + second.substr(0, size)));
    EXPECT_EQ(steps(), std::vector<std::int64_t>{1});
    auto writer = open();
    EXPECT_EQ(text(), first);
    ASSERT_TRUE(writer.write(line_of(2, 0.25)));
    EXPECT_EQ(steps(), (std::vector<std::int64_t>{1, 2}));
  }
}

TEST_F(MetricsTest, ResumeKeepsEachStepOnce) {
  {
    auto writer = open();
    for (int step = 1; step <= 6; ++step)
      ASSERT_TRUE(writer.write(line_of(step, step)));
  }
  auto const before = text();
  auto writer = open(ResumePoint{4});
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{1, 2, 3, 4}));
  for (int step = 5; step <= 7; ++step)
    ASSERT_TRUE(writer.write(line_of(step, step)));
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(text().substr(0, before.size()), before);

  auto const copy = value_or_throw(read_metrics(path().string() + ".replayed"));
  ASSERT_EQ(copy.size(), 2u);
  EXPECT_EQ(copy[0].step, 5);
  EXPECT_EQ(copy[1].step, 6);
}

TEST_F(MetricsTest, AValidationThatIsRepeatedStandsOnce) {
  auto const val_of = [](std::int64_t step) {
    auto line = line_of(step, 1);
    line.split = "val";
    return line;
  };
  for (int step = 1; step <= 4; ++step) {
    ASSERT_TRUE(open().write(line_of(step, step)));
    if (step % 2 == 0) {
      ASSERT_TRUE(open().write(val_of(step)));
    }
  }
  // Killed after the validation of step 4, before the checkpoint that knows it.
  open(ResumePoint{.step = 4, .evaluated_step = 4});
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{1, 2, 2, 3, 4, 4}));
  open(ResumePoint{.step = 4, .evaluated_step = 2});
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{1, 2, 2, 3, 4}));
  open(ResumePoint{.step = 4, .evaluated_step = -1});
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{1, 2, 3, 4}));
}

TEST_F(MetricsTest, ResumeFromTheStartDropsAll) {
  ASSERT_TRUE(open().write(line_of(1, 1)));
  open(ResumePoint{0});
  EXPECT_EQ(text(), "");
}

TEST_F(MetricsTest, AFullDiskIsReportedAndMended) {
  auto writer = open();
  ASSERT_TRUE(writer.write(line_of(1, 1)));
  set_write_fault(0, ENOSPC);
  auto const failed = writer.write(line_of(2, 1));
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().what(), HasSubstr("metrics.jsonl"));
  EXPECT_THAT(failed.error().what(), HasSubstr("No space left"));
  set_write_fault(-1, 0);
  // What a write cut short by a full disk leaves behind.
  auto torn =
      value_or_throw(FileWriter::open(path(), FileWriter::Mode::append));
  ASSERT_TRUE(torn.write(R"({"t": 17000)"));
  ASSERT_TRUE(writer.write(line_of(3, 1)));
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{1, 3}));
}

TEST_F(MetricsTest, AFullDiskAtResumeLosesNothing) {
  for (int step = 1; step <= 3; ++step)
    ASSERT_TRUE(open().write(line_of(step, step)));
  auto const before = text();
  // open + write + fsync of the copy, then open, write, fsync and rename of
  // the new file, then the append.
  int num_failed = 0;
  for (long n = 0; n < 8; ++n) {
    set_write_fault(n, ENOSPC);
    auto const opened = MetricsWriter::open(path(), ResumePoint{1});
    set_write_fault(-1, 0);
    if (opened) continue;
    ++num_failed;
    EXPECT_THAT(opened.error().what(), HasSubstr("No space left"));
    if (text() != before) {
      EXPECT_EQ(steps(), std::vector<std::int64_t>{1});
    }
    ASSERT_TRUE(publish_file(path(), before));
  }
  EXPECT_GE(num_failed, 6);
}

TEST_F(MetricsTest, AReadOnlyPlaceIsNamed) {
  auto const opened = MetricsWriter::open("/proc/no/metrics.jsonl");
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().what(), HasSubstr("/proc/no/metrics.jsonl"));
}

TEST_F(MetricsTest, AForeignLineIsNamedByNumber) {
  auto const good = format_metrics_line(line_of(1, 0.5)) + "\n";
  for (std::string const bad :
       {"not json", "{}", "[1]", "", R"({"t": "x", "step": 1})",
        R"({"t":1,"step":1,"epoch":1,"split":"a","m":{"x":"y"}})"}) {
    ASSERT_TRUE(publish_file(path(), good + bad + "\n" + good));
    auto const lines = read_metrics(path());
    ASSERT_FALSE(lines) << bad;
    EXPECT_THAT(lines.error().what(), HasSubstr("metrics.jsonl:2: not a "));
  }
}

TEST_F(MetricsTest, AMissingFileIsAnError) {
  EXPECT_FALSE(read_metrics(folder_ / "none.jsonl"));
}

}  // namespace
}  // namespace gasm
