// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "gasm/base/error.hpp"
#include "gasm/base/rng.hpp"
#include "gasm/config/load.hpp"

namespace gasm {
namespace {

/// Whatever a text holds, the answer is a configuration or a usage error,
/// and a configuration prints to a text that reads back.
TEST(ParseConfig, AnswersEveryMutation) {
  auto const original = to_yaml(RunConfig{});
  std::string const alphabet = "{}[]:,-&*!|>'\"%@`#? \n\t\\~0123456789.ex\xff";
  Rng rng({11});
  int num_accepted = 0;
  int num_refused = 0;
  for (int i = 0; i < 1500; ++i) {
    auto text = original;
    for (auto left = rng.between(1, 3); left > 0; --left) {
      auto const at = static_cast<std::size_t>(
          rng.below(static_cast<std::int64_t>(text.size())));
      auto const letter = alphabet[static_cast<std::size_t>(
          rng.below(static_cast<std::int64_t>(alphabet.size())))];
      if (rng.chance(0.3))
        text.erase(at, 1);
      else if (rng.chance(0.5))
        text.insert(at, 1, letter);
      else
        text[at] = letter;
    }
    try {
      auto const config = parse_config(text, "f.yaml");
      ++num_accepted;
      ASSERT_EQ(digest(parse_config(to_yaml(config), "again")), digest(config));
    } catch (Error const& e) {
      ++num_refused;
      ASSERT_EQ(e.code(), ExitCode::usage) << e.what();
    }
  }
  EXPECT_GT(num_accepted, 20);
  EXPECT_GT(num_refused, 500);
}

}  // namespace
}  // namespace gasm
