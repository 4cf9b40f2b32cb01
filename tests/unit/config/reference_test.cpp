// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "gasm/base/file.hpp"
#include "gasm/config/load.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

TEST(ConfigReference, HasARowForEachKindOfField) {
  auto const text = config_reference();
  EXPECT_THAT(text, HasSubstr("\n## train.early_stop\n"));
  EXPECT_THAT(text, HasSubstr("| `heads` | integer | `8` | 1 to 1024 | "
                              "Attention heads; divide dim. |"));
  EXPECT_THAT(text, HasSubstr("| `steps` | integer or null | `null` | at "
                              "least 0 |"));
  EXPECT_THAT(text, HasSubstr("| `schedule` | choice | `cosine` | `cosine`, "
                              "`linear`, `constant`, `step` |"));
  EXPECT_THAT(text, HasSubstr("| `betas` | list of 2 number"));
  EXPECT_THAT(text, HasSubstr("| `depths` | list of integer"));
  EXPECT_THAT(text, HasSubstr("1 to 4 entries"));
}

TEST(ConfigReference, HasAsManyRowsAsThePrintedFileHasKeys) {
  auto const count = [](std::string const& text, std::string const& what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != std::string::npos;
         at = text.find(what, at + 1))
      ++n;
    return n;
  };
  auto const printed = to_yaml(RunConfig{});
  auto const num_sections = count(printed, ":\n");
  auto const num_lines = count(printed, "\n");
  // And the section of a backbone alone, which is not of a run.
  auto const page = config_reference();
  auto const run = page.substr(0, page.find("\n## model.backbone\n"));
  EXPECT_LT(run.size(), page.size());
  EXPECT_EQ(count(run, "\n| `"), num_lines - num_sections);
  EXPECT_EQ(count(run, "\n## "), num_sections);
}

TEST(ConfigReference, IsTheCommittedPage) {
  if (std::getenv("GASM_WRITE_REFERENCE") != nullptr)
    value_or_throw(publish_file(GASM_REFERENCE_FILE, config_reference()));
  auto const page = read_text(GASM_REFERENCE_FILE);
  ASSERT_TRUE(page) << page.error().what();
  EXPECT_EQ(*page, config_reference())
      << "docs/configuration.md is out of date. Run this test once with "
         "GASM_WRITE_REFERENCE=1 in the environment.";
}

}  // namespace
}  // namespace gasm
