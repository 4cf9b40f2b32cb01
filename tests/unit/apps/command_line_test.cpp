// SPDX-License-Identifier: Apache-2.0
#include "command_line.hpp"

#include <gmock/gmock.h>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Targets {
  std::uint64_t seed = 7;
  std::optional<std::uint32_t> limit;
  int offset = 0;
};

std::string parse_error(std::vector<std::string> const& words,
                        Targets& targets) {
  CommandLine line({.name = "test", .purpose = "", .example = ""});
  line.add("seed", targets.seed, "N", "");
  line.add("limit", targets.limit, "N", "");
  line.add("offset", targets.offset, "N", "");
  try {
    line.parse(words);
  } catch (Error const& refused) {
    EXPECT_EQ(refused.code(), ExitCode::usage);
    return refused.what();
  }
  return "it passed";
}

TEST(CommandLine, UnsignedOptionsTakeNoSign) {
  for (std::vector<std::string> const& words :
       {std::vector<std::string>{"--seed", "-1"},
        {"--seed=-1"},
        {"--seed", "-0"},
        {"--seed", "+1"},
        {"--limit=-1"}}) {
    Targets targets;
    EXPECT_THAT(parse_error(words, targets),
                AllOf(HasSubstr(words[0].substr(0, 6)), HasSubstr("positive")));
    EXPECT_EQ(targets.seed, 7U);
    EXPECT_FALSE(targets.limit.has_value());
  }
}

TEST(CommandLine, Numbers) {
  Targets targets;
  EXPECT_EQ(parse_error({"--seed", "18446744073709551615", "--limit", "3",
                         "--offset", "-5"},
                        targets),
            "it passed");
  EXPECT_EQ(targets.seed, UINT64_MAX);
  EXPECT_EQ(targets.limit, 3U);
  EXPECT_EQ(targets.offset, -5);
  EXPECT_THAT(parse_error({"--seed", "18446744073709551616"}, targets),
              HasSubstr("seed"));
}

}  // namespace
}  // namespace gasm
