// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "gasm/config/load.hpp"
#include "yaml_write.hpp"

namespace gasm {
namespace config_detail {
namespace {

/// The type of a member in words, and what it may hold.
template <class T>
struct TypeWords {
  static std::string name() {
    if constexpr (std::is_same_v<T, bool>)
      return "true or false";
    else if constexpr (std::is_integral_v<T>)
      return "integer";
    else if constexpr (std::is_enum_v<T>)
      return "choice";
    else if constexpr (std::is_same_v<T, double>)
      return "number";
    else if constexpr (std::is_same_v<T, Resolution>)
      return "integer or [height, width]";
    else
      return "text";
  }

  static std::string values(Limits const& limits) {
    if constexpr (std::is_enum_v<T>) {
      std::string words;
      for (auto const& choice : choices(T{}))
        words += fmt::format("{}`{}`", words.empty() ? "" : ", ", choice.word);
      return words;
    } else if constexpr (std::is_same_v<T, std::string>) {
      return limits.min_count > 0 ? "not empty" : "";
    } else {
      return describe_range(limits);
    }
  }
};

template <class T>
struct TypeWords<std::optional<T>> {
  static std::string name() { return TypeWords<T>::name() + " or null"; }
  static std::string values(Limits const& limits) {
    return TypeWords<T>::values(limits);
  }
};

template <class T>
struct TypeWords<std::vector<T>> {
  static std::string name() { return "list of " + TypeWords<T>::name(); }
  static std::string values(Limits const& limits) {
    auto text = TypeWords<T>::values(limits);
    if (limits.max_count == Limits{}.max_count) return text;
    return fmt::format("{}{}{} to {} entries", text, text.empty() ? "" : "; ",
                       limits.min_count, limits.max_count);
  }
};

template <class T, std::size_t N>
struct TypeWords<std::array<T, N>> {
  static std::string name() {
    return fmt::format("list of {} {}", N, TypeWords<T>::name());
  }
  static std::string values(Limits const& limits) {
    return TypeWords<T>::values(limits);
  }
};

/// A visitor that writes a table of the fields of a section, and after it
/// the sections below.
class ReferenceWriter {
 public:
  ReferenceWriter(std::string path, std::string const& doc)
      : path_(std::move(path)), doc_(doc) {}

  template <class T>
  void field(std::string_view key, T const& value, char const* doc,
             Limits const& limits = {}) {
    rows_ += fmt::format("| `{}` | {} | `{}` | {} | {} |\n", key,
                         TypeWords<T>::name(), to_text(value),
                         TypeWords<T>::values(limits), doc);
  }

  template <class T>
  void section(std::string_view key, T const& value, char const* doc) {
    ReferenceWriter writer(join_path(path_, key), doc);
    T::visit(writer, value);
    sections_ += writer.text();
  }

  std::string text() const {
    auto text = fmt::format("\n## {}\n\n{}\n", path_, doc_);
    if (!rows_.empty())
      text +=
          "\n| key | type | default | range or choices | meaning |\n"
          "| --- | --- | --- | --- | --- |\n" +
          rows_;
    return text + sections_;
  }

  std::string const& sections() const { return sections_; }

 private:
  std::string path_;
  std::string doc_;
  std::string rows_;
  std::string sections_;
};

constexpr char const* introduction =
    R"(# Configuration

<!-- Generated from include/gasm/config/*.hpp; change those. -->

One YAML file says everything that decides a run. Every key has a default, so
that a file holds only what differs from it; `gasm train --config FILE
--print-config` prints the whole, and that text loads again to the same run.

Reading is strict: an unknown or repeated key, a wrong type and a value out of
range end the program with exit code 2 and a message that names file, line,
column and the key. `--set a.b=value` (repeatable, the value in YAML) overrides
the file; the last one of a key wins.

A section below is a nested map of the file: `model.fusion` is the key `fusion`
inside `model`.
)";

}  // namespace
}  // namespace config_detail

std::string config_reference() {
  config_detail::ReferenceWriter writer("", "");
  RunConfig const defaults;
  RunConfig::visit(writer, defaults);
  config_detail::ReferenceWriter alone(
      "model.backbone",
      "Not of a run: a file for `gasm forward` that holds this section alone "
      "describes one\nbackbone on its own. What is null is that of the preset, "
      "or of the kind.");
  BackboneConfig const backbone;
  BackboneConfig::visit(alone, backbone);
  return config_detail::introduction + writer.sections() + alone.text();
}

}  // namespace gasm
