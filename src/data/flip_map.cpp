// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/flip_map.hpp"

#include <array>
#include <cctype>
#include <string_view>
#include <unordered_map>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

/// Phrases that tell a horizontal direction, each with its mirror image.
constexpr std::array<std::string_view, 6> direction_phrases = {
    "from left to right", "from right to left", "left then right",
    "right then left",    "camera left",        "camera right"};

bool is_word_character(char c) {
  // Bytes of UTF-8 letters count as letters.
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::string mirrored_word(std::string const& word) {
  if (word == "left") return "right";
  if (word == "right") return "left";
  if (word == "Left") return "Right";
  if (word == "Right") return "Left";
  return word;
}

std::string mirrored(std::string const& text) {
  std::string result;
  std::string word;
  for (char const c : text) {
    if (is_word_character(c)) {
      word += c;
      continue;
    }
    result += mirrored_word(word) + c;
    word.clear();
  }
  return result + mirrored_word(word);
}

bool has_phrase(std::string const& text, std::string_view phrase) {
  for (auto at = text.find(phrase); at != std::string::npos;
       at = text.find(phrase, at + 1)) {
    auto const end = at + phrase.size();
    bool const starts = at == 0 || !is_word_character(text[at - 1]);
    bool const ends = end == text.size() || !is_word_character(text[end]);
    if (starts && ends) return true;
  }
  return false;
}

bool tells_direction(std::string const& text) {
  for (auto const phrase : direction_phrases)
    if (has_phrase(text, phrase)) return true;
  return false;
}

}  // namespace

FlipMap make_flip_map(std::span<std::string const> classes) {
  std::unordered_map<std::string, std::int64_t> label_of;
  for (std::size_t i = 0; i < classes.size(); ++i)
    label_of.emplace(classes[i], static_cast<std::int64_t>(i));

  FlipMap map;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    auto const partner = label_of.find(mirrored(classes[i]));
    if (partner != label_of.end())
      map.push_back(partner->second);
    else
      map.push_back(tells_direction(classes[i]) ? -1
                                                : static_cast<std::int64_t>(i));
  }
  for (std::size_t i = 0; i < map.size(); ++i)
    GASM_ASSERT(map[i] < 0 || map[static_cast<std::size_t>(map[i])] ==
                                  static_cast<std::int64_t>(i));
  return map;
}

}  // namespace gasm
