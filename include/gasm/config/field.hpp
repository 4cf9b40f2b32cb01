// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

namespace gasm {

/// How a configuration struct describes itself, once, for the loader, the
/// printer and the reference page:
///
///     struct LogConfig {
///       int every_steps = 10;
///
///       template <class Visitor, class Self>
///       static void visit(Visitor& v, Self& self) {
///         v.field("every_steps", self.every_steps, "Steps between lines.",
///                 at_least(1));
///       }
///     };
///
/// `field` takes key, member, one or more sentences, and optionally Limits;
/// `section` takes key, member struct and a sentence. Keys are visited in the
/// order in which they are printed. Members may be int, std::int64_t,
/// std::uint64_t, double, bool, std::string, an enum class with choices()
/// found beside it, Resolution, std::optional, std::vector and std::array of
/// those. None but std::optional accepts null.

/// What a value must satisfy beyond its type. Bounds apply to a number and to
/// every number inside a list; counts to the outer list, or to the length of
/// a string.
struct Limits {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool excludes_low = false;
  bool excludes_high = false;
  std::size_t min_count = 0;
  std::size_t max_count = std::numeric_limits<std::size_t>::max();

  /// The same limits on the entries of a list of that many.
  constexpr Limits each(std::size_t at_least_count,
                        std::size_t at_most_count =
                            std::numeric_limits<std::size_t>::max()) const {
    Limits limits = *this;
    limits.min_count = at_least_count;
    limits.max_count = at_most_count;
    return limits;
  }
};

constexpr Limits at_least(double low) { return {.low = low}; }
constexpr Limits above(double low) {
  return {.low = low, .excludes_low = true};
}
/// low <= value <= high
constexpr Limits between(double low, double high) {
  return {.low = low, .high = high};
}
/// low <= value < high
constexpr Limits below(double high, double low = 0.0) {
  return {.low = low, .high = high, .excludes_high = true};
}
constexpr Limits non_empty() { return {.min_count = 1}; }

/// One value of an enum class and the word that files use for it. An enum
/// class is a choice if `choices(E)`, found beside it, returns an array of
/// these in the order of its documentation.
template <class E>
struct Choice {
  E value;
  std::string_view word;
};
// Clang deduces no arguments of aggregates by itself before version 17.
template <class Enum, class Word>
Choice(Enum, Word) -> Choice<Enum>;

/// The word of a choice, as it stands in files: to_word(FlipKind::swap) is
/// "swap".
template <class E>
std::string to_word(E value) {
  for (auto const& choice : choices(E{}))
    if (choice.value == value) return std::string(choice.word);
  return "?";
}

/// Pixels. In files: one number when square, else [height, width].
struct Resolution {
  int height = 224;
  int width = 224;

  friend bool operator==(Resolution const&, Resolution const&) = default;
};

}  // namespace gasm
