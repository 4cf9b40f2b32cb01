// SPDX-License-Identifier: Apache-2.0
#include "same_start.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "gasm/base/build_info.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/odd_ranks.hpp"

namespace gasm {
namespace {

/// The file's own checksum: programs of one commit may be built differently.
std::string program_text() {
  auto const build = build_info();
  auto const checksum = xxh64_file("/proc/self/exe");
  return fmt::format(
      "version {}, commit {}, {}", build.version, build.commit.substr(0, 12),
      checksum ? "checksum " + to_hex(*checksum) : checksum.error().what());
}

std::string joined(std::span<std::string const> words) {
  constexpr std::size_t most = 160;
  if (words.empty()) return "nothing";
  auto text = fmt::format("{}", fmt::join(words, " "));
  if (text.size() > most) text = text.substr(0, most) + " ...";
  return "\"" + text + "\"";
}

// No argument holds a zero byte.
constexpr char kEndOfWord = '\0';

std::string packed(std::vector<std::string> const& words) {
  std::string text;
  for (auto const& word : words) text += word + kEndOfWord;
  return text;
}

std::vector<std::string> unpacked(std::string const& text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    auto const end = text.find(kEndOfWord, at);
    words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

}  // namespace

CommandDifference difference_of(std::span<std::string const> left,
                                std::span<std::string const> right) {
  auto const begin = static_cast<std::size_t>(
      std::ranges::mismatch(left, right).in1 - left.begin());
  left = left.subspan(begin);
  right = right.subspan(begin);
  while (!left.empty() && !right.empty() && left.back() == right.back()) {
    left = left.first(left.size() - 1);
    right = right.first(right.size() - 1);
  }
  return {joined(left), joined(right)};
}

void require_same_start(Communicator const& world,
                        std::vector<std::string> const& words) {
  if (world.size() == 1) return;
  if (auto const odd = find_odd_ranks(world, program_text()))
    throw AgreedError(usage_error(
        "another program runs on {} of {} than on rank {} ({}; rank {}: {}). "
        "Try the same file on all hosts",
        odd->who(), world.size(), odd->usual, odd->of_odd, odd->usual,
        odd->of_usual));
  if (auto const odd = find_odd_ranks(world, packed(words))) {
    auto const [theirs, usual] =
        difference_of(unpacked(odd->of_odd), unpacked(odd->of_usual));
    throw AgreedError(usage_error(
        "the command line on {} of {} has {} where that of rank {} has {}. Try "
        "the same words on all ranks",
        odd->who(), world.size(), theirs, odd->usual, usual));
  }
}

}  // namespace gasm
