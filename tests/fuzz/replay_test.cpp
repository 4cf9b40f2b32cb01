// SPDX-License-Identifier: Apache-2.0
// Every input that a fuzzer once found something with, and hand-made ones of
// its kind, go through the same functions again, without a fuzzer.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "gasm/base/file.hpp"
#include "targets.hpp"

namespace gasm {
namespace {

using Target = void (*)(std::span<std::byte const>);

void replay(char const* name, Target target) {
  auto const folder = std::filesystem::path(GASM_FUZZ_FOUND) / name;
  std::vector<std::filesystem::path> files;
  for (auto const& entry : std::filesystem::directory_iterator(folder))
    files.push_back(entry.path());
  ASSERT_FALSE(files.empty()) << folder;
  std::ranges::sort(files);
  for (auto const& file : files) {
    SCOPED_TRACE(file.string());
    auto const input = value_or_throw(read_bytes(file));
    EXPECT_NO_THROW(target(input));
  }
}

TEST(FuzzFound, video) { replay("video", fuzz::read_video); }
TEST(FuzzFound, annotations) { replay("annotations", fuzz::read_annotations); }
TEST(FuzzFound, store) { replay("store", fuzz::read_store); }
TEST(FuzzFound, weights) { replay("weights", fuzz::read_weights); }

TEST(FuzzFound, a_broken_promise_is_a_failure) {
  EXPECT_THROW(fuzz::promise(false, "x"), Error);
  EXPECT_NO_THROW(fuzz::promise(true, "x"));
}

}  // namespace
}  // namespace gasm
