// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/projector.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gasm/base/file.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

TEST(Projection, FilesAreAsTensorBoardReadsThem) {
  TempFolder const folder;
  ASSERT_TRUE(publish_projection(
      folder.path(), {.name = "validation",
                      .num_columns = 2,
                      .values = {1, -0.5, 1e-7f, 3},
                      .header = {"video", "label"},
                      .facts = {{"7", "put\tit\ndown"}, {"8", "take it"}}}));
  auto const text = [&](char const* name) {
    return value_or_throw(read_text(folder / name));
  };
  EXPECT_EQ(text("projector/vectors.tsv"), "1\t-0.5\n1e-07\t3\n");
  EXPECT_EQ(text("projector/metadata.tsv"),
            "video\tlabel\n7\tput it down\n8\ttake it\n");
  EXPECT_THAT(text("projector_config.pbtxt"),
              HasSubstr("tensor_path: \"projector/vectors.tsv\""));
}

TEST(Projection, AFileInTheWayIsNamed) {
  TempFolder const folder;
  ASSERT_TRUE(publish_file(folder / "projector", "x"));
  auto const done = publish_projection(folder.path(), {.name = "v",
                                                       .num_columns = 1,
                                                       .values = {1},
                                                       .header = {"a", "b"},
                                                       .facts = {{"1", "2"}}});
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().what(), HasSubstr("projector"));
}

}  // namespace
}  // namespace gasm
