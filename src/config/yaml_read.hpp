// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/yaml.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/config/field.hpp"
#include "yaml_write.hpp"

namespace gasm::config_detail {

/// Where each key that was read stands, by key path: "file:3:7" or
/// "--set a.b=c". For complaints that come after reading.
using Places = std::map<std::string, std::string>;

/// What the readers of one text share.
struct Source {
  std::string name;                ///< file name, or "--set a.b=c"
  bool has_positions = true;       ///< false for an override
  std::vector<std::string> paths;  ///< all valid key paths
  Places* places = nullptr;

  std::string place_of(YAML::Node const& node) const;
  /// Where to look for a value: an empty one has no place but its key's.
  std::string place_of(YAML::Node const& key, YAML::Node const& value) const {
    return place_of(value.IsNull() ? key : value);
  }
};

/// One value on its way into a struct: the node and all that a complaint
/// about it must name.
class ValueReader {
 public:
  ValueReader(Source const& source, YAML::Node node, std::string place,
              std::string path, Limits const& limits)
      : source_(source),
        node_(node),
        place_(std::move(place)),
        path_(std::move(path)),
        limits_(limits) {}

  void read(int& value) const;
  void read(std::int64_t& value) const;
  void read(std::uint64_t& value) const;
  void read(double& value) const;
  void read(bool& value) const;
  void read(std::string& value) const;
  void read(Resolution& value) const;

  template <class E>
  requires std::is_enum_v<E>
  void read(E& value) const {
    std::vector<std::string> words;
    auto const word = scalar("one of its words");
    for (auto const& choice : choices(E{})) {
      if (word == choice.word) {
        value = choice.value;
        return;
      }
      words.emplace_back(choice.word);
    }
    refuse_word(words);
  }

  template <class T>
  void read(std::optional<T>& value) const {
    if (node_.IsNull()) {
      value.reset();
      return;
    }
    T present{};
    read(present);
    if constexpr (std::is_same_v<T, std::string>)
      if (present.empty()) refuse("must not be empty. Try null.");
    value = std::move(present);
  }

  template <class T>
  void read(std::vector<T>& values) const {
    check_list(limits_.min_count, limits_.max_count);
    values.assign(node_.size(), T{});
    for (std::size_t i = 0; i < values.size(); ++i) entry(i).read(values[i]);
  }

  template <class T, std::size_t N>
  void read(std::array<T, N>& values) const {
    check_list(N, N);
    for (std::size_t i = 0; i < N; ++i) entry(i).read(values[i]);
  }

 private:
  template <class Integer>
  void read_integer(Integer& value) const;

  /// The text of a scalar; refuses all else as not `wanted`.
  std::string scalar(char const* wanted) const;
  /// The same, and refuses quoted text.
  std::string plain_scalar(char const* wanted) const;
  ValueReader entry(std::size_t i) const;
  void check_list(std::size_t min_count, std::size_t max_count) const;
  void check_range(double value) const;
  [[noreturn]] void refuse_type(char const* wanted) const;
  [[noreturn]] void refuse_word(std::vector<std::string> const& words) const;
  [[noreturn]] void refuse(std::string const& complaint) const;

  Source const& source_;
  YAML::Node node_;
  std::string place_;
  std::string path_;
  Limits limits_;
};

/// A visitor that fills a struct from a YAML map. The constructor refuses
/// what is no map, repeated keys, and keys that are not among `keys`.
class SectionReader {
 public:
  SectionReader(Source const& source, YAML::Node const& node,
                std::string const& place, std::string path,
                std::vector<std::string> const& keys);

  template <class T>
  void field(std::string_view key, T& value, char const* /*doc*/,
             Limits const& limits = {}) {
    auto const found = entries_.find(key);
    if (found == entries_.end()) return;
    auto const& [key_node, node] = found->second;
    ValueReader(source_, node, source_.place_of(key_node, node),
                join_path(path_, key), limits)
        .read(value);
  }

  template <class T>
  void section(std::string_view key, T& value, char const* /*doc*/);

 private:
  Source const& source_;
  std::string path_;
  std::map<std::string, std::pair<YAML::Node, YAML::Node>, std::less<>>
      entries_;  ///< key -> its node and its value's
};

/// A visitor that lists the keys of one struct.
struct KeyLister {
  std::vector<std::string> keys;

  template <class T>
  void field(std::string_view key, T const&, char const*, Limits const& = {}) {
    keys.emplace_back(key);
  }
  template <class T>
  void section(std::string_view key, T const&, char const*) {
    keys.emplace_back(key);
  }
};

/// Reads the keys that `node` has into `value`; the others stay as they are.
template <class T>
void read_section(Source const& source, YAML::Node const& node,
                  std::string const& place, std::string path, T& value) {
  KeyLister lister;
  T::visit(lister, std::as_const(value));
  SectionReader reader(source, node, place, std::move(path), lister.keys);
  T::visit(reader, value);
}

template <class T>
void SectionReader::section(std::string_view key, T& value, char const*) {
  auto const found = entries_.find(key);
  if (found == entries_.end()) return;
  auto const& [key_node, node] = found->second;
  read_section(source_, node, source_.place_of(key_node, node),
               join_path(path_, key), value);
}

/// The one document of a text. usage_error if it is not YAML, is empty, or
/// holds several documents.
YAML::Node parse_document(std::string_view text, std::string const& name);

/// An override "a.b=value" as a document {a: {b: value}}.
YAML::Node parse_override(std::string const& override_text);

}  // namespace gasm::config_detail
