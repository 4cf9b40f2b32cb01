// SPDX-License-Identifier: Apache-2.0
#include "yaml_read.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "gasm/base/nearest.hpp"

namespace gasm::config_detail {
namespace {

/// What a node is, for a person.
std::string describe(YAML::Node const& node) {
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      return fmt::format("\"{}\"", node.Scalar());
    case YAML::NodeType::Sequence:
      return fmt::format("a list of {}", node.size());
    case YAML::NodeType::Map:
      return "a section";
    case YAML::NodeType::Null:
    case YAML::NodeType::Undefined:
      break;
  }
  return "null";
}

std::string count_in_words(std::size_t min_count, std::size_t max_count) {
  if (min_count == max_count) return std::to_string(min_count);
  if (max_count == Limits{}.max_count)
    return fmt::format("at least {}", min_count);
  return fmt::format("{} to {}", min_count, max_count);
}

std::string suggest(std::string const& wrong,
                    std::vector<std::string> const& valid) {
  auto const near = nearest(wrong, valid);
  return near.empty() ? "" : fmt::format(" Did you mean {}?", near);
}

/// A hint for a key that is not valid where it stands: a near one beside it,
/// else the same key elsewhere.
std::string suggest_key(Source const& source, std::string const& path,
                        std::string const& key,
                        std::vector<std::string> const& keys) {
  auto const near = nearest(key, keys);
  if (!near.empty())
    return fmt::format(" Did you mean {}?", join_path(path, near));
  for (auto const& other : source.paths)
    if (other == key || other.ends_with("." + key))
      return fmt::format(" Did you mean {}?", other);
  return fmt::format(" Try one of: {}.", fmt::join(keys, ", "));
}

/// A hint if the line at fault is indented by a tab, of which the parser's own
/// message says nothing.
std::string suggest_spaces(std::string_view text, YAML::Mark const& mark) {
  for (int line = 0; line < mark.line; ++line)
    text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
  auto const indent = text.substr(0, text.find_first_not_of(" \t"));
  return indent.find('\t') == std::string_view::npos
             ? ""
             : " Try spaces instead of the tab.";
}

}  // namespace

std::string Source::place_of(YAML::Node const& node) const {
  auto const mark = node.Mark();
  if (!has_positions || mark.is_null()) return name;
  return fmt::format("{}:{}:{}", name, mark.line + 1, mark.column + 1);
}

void ValueReader::refuse(std::string const& complaint) const {
  throw usage_error("{}: {} {}", place_, path_, complaint);
}

void ValueReader::refuse_type(char const* wanted) const {
  refuse(fmt::format("must be {} (it is {}).", wanted, describe(node_)));
}

void ValueReader::refuse_word(std::vector<std::string> const& words) const {
  refuse(fmt::format("must be one of {} (it is {}).{}", fmt::join(words, ", "),
                     describe(node_), suggest(node_.Scalar(), words)));
}

std::string ValueReader::scalar(char const* wanted) const {
  if (!node_.IsScalar()) refuse_type(wanted);
  return node_.Scalar();
}

std::string ValueReader::plain_scalar(char const* wanted) const {
  auto text = scalar(wanted);
  // yaml-cpp tags plain scalars "?" and quoted ones "!".
  if (node_.Tag() == "!")
    refuse(
        fmt::format("must be {} (it is the quoted text \"{}\"). Try it "
                    "without quotes.",
                    wanted, text));
  return text;
}

ValueReader ValueReader::entry(std::size_t i) const {
  // Counts bind the outer list; lists inside only have to be non-empty.
  return {source_, node_[i], source_.place_of(node_[i]),
          fmt::format("{}[{}]", path_, i), limits_.each(1)};
}

void ValueReader::check_list(std::size_t min_count,
                             std::size_t max_count) const {
  auto const wanted =
      fmt::format("a list of {}", count_in_words(min_count, max_count));
  if (!node_.IsSequence()) refuse_type(wanted.c_str());
  if (node_.size() < min_count || node_.size() > max_count)
    refuse_type(wanted.c_str());
}

void ValueReader::check_range(double value) const {
  bool const low_ok =
      limits_.excludes_low ? value > limits_.low : value >= limits_.low;
  bool const high_ok =
      limits_.excludes_high ? value < limits_.high : value <= limits_.high;
  if (!low_ok || !high_ok)
    refuse(fmt::format("is out of range (it is {}). Try {}.", node_.Scalar(),
                       describe_range(limits_)));
}

template <class Integer>
void ValueReader::read_integer(Integer& value) const {
  auto const text = plain_scalar("a whole number");
  auto digits = std::string_view(text);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  Integer parsed{};
  auto const* const end = digits.data() + digits.size();
  auto const [stop, status] = std::from_chars(digits.data(), end, parsed);
  // 010 is 8 to some readers and 10 to others.
  auto const magnitude = digits.substr(digits.starts_with('-') ? 1 : 0);
  bool const is_ambiguous = magnitude.size() > 1 && magnitude[0] == '0';
  bool const is_negative_unsigned =
      std::is_unsigned_v<Integer> && digits.starts_with('-');
  if (status == std::errc::result_out_of_range && stop == end)
    refuse(fmt::format("is too large (it is {}).", text));
  if (is_negative_unsigned)
    refuse(fmt::format("is out of range (it is {}). Try at least 0.", text));
  if (status != std::errc() || stop != end || is_ambiguous)
    refuse_type("a whole number");
  check_range(static_cast<double>(parsed));
  value = parsed;
}

void ValueReader::read(int& value) const { read_integer(value); }
void ValueReader::read(std::int64_t& value) const { read_integer(value); }
void ValueReader::read(std::uint64_t& value) const { read_integer(value); }

void ValueReader::read(double& value) const {
  auto const text = plain_scalar("a number");
  auto digits = std::string_view(text);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  double parsed = 0.0;
  auto const* const end = digits.data() + digits.size();
  auto const [stop, status] = std::from_chars(digits.data(), end, parsed);
  bool const is_number = status == std::errc() && stop == end;
  if (!is_number || !std::isfinite(parsed)) refuse_type("a number");
  check_range(parsed);
  value = parsed;
}

void ValueReader::read(bool& value) const {
  auto const text = plain_scalar("true or false");
  if (text != "true" && text != "false") refuse_type("true or false");
  value = text == "true";
}

void ValueReader::read(std::string& value) const {
  auto const text = scalar("text");
  if (text.size() < limits_.min_count) refuse("must not be empty.");
  value = text;
}

void ValueReader::read(Resolution& value) const {
  if (node_.IsScalar()) {
    int side = 0;
    read(side);
    value = {side, side};
    return;
  }
  if (!node_.IsSequence() || node_.size() != 2)
    refuse_type("one whole number or a list [height, width]");
  std::array<int, 2> sides{};
  read(sides);
  value = {sides[0], sides[1]};
}

SectionReader::SectionReader(Source const& source, YAML::Node const& node,
                             std::string const& place, std::string path,
                             std::vector<std::string> const& keys)
    : source_(source), path_(std::move(path)) {
  if (!node.IsMap())
    throw usage_error(
        "{}: {} must be a section of keys (it is {}). Try one "
        "of its keys: {}.",
        place, path_.empty() ? "the file" : path_, describe(node),
        fmt::join(keys, ", "));
  for (auto const& entry : node) {
    auto const key_place = source_.place_of(entry.first);
    if (!entry.first.IsScalar())
      throw usage_error("{}: {} has a key that is {} (a key is a word).",
                        key_place, path_.empty() ? "the file" : path_,
                        describe(entry.first));
    auto const& key = entry.first.Scalar();
    auto const full = join_path(path_, key);
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      throw usage_error("{}: there is no key {}.{}", key_place, full,
                        suggest_key(source_, path_, key, keys));
    if (!entries_.try_emplace(key, entry.first, entry.second).second)
      throw usage_error("{}: {} stands twice. Try removing one.", key_place,
                        full);
    if (source_.places != nullptr) (*source_.places)[full] = key_place;
  }
}

YAML::Node parse_document(std::string_view text, std::string const& name) {
  std::vector<YAML::Node> documents;
  try {
    documents = YAML::LoadAll(std::string(text));
  } catch (YAML::ParserException const& e) {
    if (e.mark.is_null()) throw usage_error("{}: not YAML ({}).", name, e.msg);
    throw usage_error("{}:{}:{}: not YAML ({}).{}", name, e.mark.line + 1,
                      e.mark.column + 1, e.msg, suggest_spaces(text, e.mark));
  } catch (YAML::Exception const& e) {
    throw usage_error("{}: not YAML ({}).", name, e.msg);
  }
  if (documents.empty() || documents[0].IsNull())
    throw usage_error("{}: holds no keys (the text is empty).", name);
  if (documents.size() > 1)
    throw usage_error(
        "{}: holds {} documents (a configuration is one). Try removing the "
        "lines \"---\".",
        name, documents.size());
  return documents[0];
}

YAML::Node parse_override(std::string const& override_text) {
  auto const name = "--set " + override_text;
  auto const equals = override_text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw usage_error(
        "{}: no key and value (want key=value). Try --set "
        "train.epochs=3.",
        name);
  YAML::Node value;
  try {
    value = YAML::Load(override_text.substr(equals + 1));
  } catch (YAML::Exception const& e) {
    throw usage_error("{}: the value is not YAML ({}).", name, e.msg);
  }
  auto path = override_text.substr(0, equals);
  while (true) {
    auto const dot = path.rfind('.');
    auto const key = dot == std::string::npos ? path : path.substr(dot + 1);
    if (key.empty()) throw usage_error("{}: a part of the key is empty.", name);
    YAML::Node parent(YAML::NodeType::Map);
    parent[key] = value;
    value = parent;
    if (dot == std::string::npos) return value;
    path.resize(dot);
  }
}

}  // namespace gasm::config_detail
