// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "gasm/config/field.hpp"

namespace gasm::config_detail {

/// One value as it stands in a file, on one line. Every form reads back to
/// the same value, in YAML 1.1 readers as well as in 1.2 ones.
std::string to_text(bool value);
std::string to_text(double value);
std::string to_text(std::string const& value);
std::string to_text(Resolution const& value);

template <std::integral T>
requires(!std::same_as<T, bool>) std::string to_text(T value) {
  return std::to_string(value);
}

template <class E>
requires std::is_enum_v<E> std::string to_text(E value) {
  return to_word(value);
}

template <class T>
std::string to_text(std::vector<T> const& values);
template <class T, std::size_t N>
std::string to_text(std::array<T, N> const& values);

template <class T>
std::string to_text(std::optional<T> const& value) {
  return value ? to_text(*value) : "null";
}

template <class List>
std::string list_to_text(List const& values) {
  std::string text = "[";
  for (auto const& value : values) {
    if (text.size() > 1) text += ", ";
    text += to_text(value);
  }
  return text + "]";
}

template <class T>
std::string to_text(std::vector<T> const& values) {
  return list_to_text(values);
}

template <class T, std::size_t N>
std::string to_text(std::array<T, N> const& values) {
  return list_to_text(values);
}

/// "a.b" from "a" and "b"; "b" from "" and "b".
inline std::string join_path(std::string_view path, std::string_view key) {
  std::string joined(path);
  if (!joined.empty()) joined += '.';
  return joined.append(key);
}

/// A visitor that prints a struct as a block of YAML.
class YamlWriter {
 public:
  template <class T>
  void field(std::string_view key, T const& value, char const* /*doc*/,
             Limits const& /*limits*/ = {}) {
    text_.append(indent_, ' ').append(key).append(": ");
    text_.append(to_text(value)).append("\n");
  }

  template <class T>
  void section(std::string_view key, T const& value, char const* /*doc*/) {
    text_.append(indent_, ' ').append(key).append(":\n");
    indent_ += 2;
    T::visit(*this, value);
    indent_ -= 2;
  }

  std::string const& text() const { return text_; }

 private:
  std::string text_;
  std::size_t indent_ = 0;
};

/// A visitor that lists every key path with its value's text.
class PathWriter {
 public:
  explicit PathWriter(std::string path = "") : path_(std::move(path)) {}

  template <class T>
  void field(std::string_view key, T const& value, char const* /*doc*/,
             Limits const& /*limits*/ = {}) {
    entries_.emplace_back(join_path(path_, key), to_text(value));
  }

  template <class T>
  void section(std::string_view key, T const& value, char const* /*doc*/) {
    auto const outer = std::exchange(path_, join_path(path_, key));
    T::visit(*this, value);
    path_ = outer;
  }

  std::vector<std::pair<std::string, std::string>> const& entries() const {
    return entries_;
  }

 private:
  std::string path_;
  std::vector<std::pair<std::string, std::string>> entries_;
};

/// Every key of a struct with its value's text, below `path`.
template <class T>
std::vector<std::pair<std::string, std::string>> list_paths(
    T const& value, std::string path = "") {
  PathWriter writer(std::move(path));
  T::visit(writer, value);
  return writer.entries();
}

/// Limits in words, e.g. "1 to 1024", "at least 0", "above 0"; "" if none.
std::string describe_range(Limits const& limits);

}  // namespace gasm::config_detail
