// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/status_board.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temp_folder.hpp"

namespace gasm {
namespace {

StatusRow example_row() {
  return {.rank = 3,
          .host = "node7",
          .pid = 4711,
          .since_unix_s = 1700000000.25,
          .written_unix_s = 1700000001.5,
          .sequence = 99,
          .inside = true,
          .collective = "all_reduce",
          .bucket = 4,
          .parameter = "head.weight",
          .phase = "train > save checkpoint",
          .progress = "train step 120"};
}

TEST(StatusBoard, RowsComeBackAsWritten) {
  TempFolder folder;
  StatusBoard board(folder / "status");
  board.write(example_row());
  auto const rows = read_status_board(folder / "status");
  ASSERT_EQ(rows.size(), 4u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rows[i].rank, -1);
  auto const& row = rows[3];
  EXPECT_EQ(row.rank, 3);
  EXPECT_EQ(row.host, "node7");
  EXPECT_EQ(row.pid, 4711);
  EXPECT_DOUBLE_EQ(row.since_unix_s, 1700000000.25);
  EXPECT_DOUBLE_EQ(row.written_unix_s, 1700000001.5);
  EXPECT_EQ(row.sequence, 99u);
  EXPECT_TRUE(row.inside);
  EXPECT_EQ(row.collective, "all_reduce");
  EXPECT_EQ(row.bucket, 4);
  EXPECT_EQ(row.parameter, "head.weight");
  EXPECT_EQ(row.phase, "train > save checkpoint");
  EXPECT_EQ(row.progress, "train step 120");
}

TEST(StatusBoard, EveryRowHas384BytesWhateverItHolds) {
  StatusRow row = example_row();
  row.host = std::string(1000, 'h') + " x";
  row.rank = 100000;
  row.pid = 4194304;
  row.sequence = UINT64_MAX;
  row.collective = row.parameter = std::string(1000, 'c');
  row.phase = std::string(1000, '|') + "\n";
  row.progress = std::string(1000, '\n');
  std::string const text = format_status_row(row);
  ASSERT_EQ(text.size(), StatusBoard::row_bytes);
  EXPECT_EQ(text.find('\n'), StatusBoard::row_bytes - 1);
}

TEST(StatusBoard, ReadsWhatIsNoBoard) {
  TempFolder folder;
  EXPECT_TRUE(read_status_board(folder / "none").empty());
  std::ofstream(folder / "odd") << "rank=1 pid=x phase=y\n";
  auto const rows = read_status_board(folder / "odd");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].rank, -1);
}

TEST(StatusBoard, AnUnusablePathIsNoError) {
  StatusBoard board("/nonexistent/folder/status");
  board.write(example_row());
}

}  // namespace
}  // namespace gasm
