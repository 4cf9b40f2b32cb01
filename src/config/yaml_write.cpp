// SPDX-License-Identifier: Apache-2.0
#include "yaml_write.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "gasm/base/hash.hpp"
#include "gasm/config/load.hpp"

namespace gasm {
namespace config_detail {
namespace {

bool is_plain_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == '/';
}

/// True if the text, unquoted, is text to every YAML reader: it starts with a
/// letter or a slash and is none of the words that some readers take for a
/// boolean or null.
bool is_plain_text(std::string const& text) {
  static constexpr std::array<std::string_view, 10> words = {
      "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan"};
  if (text.empty()) return false;
  std::string lower;
  for (char const c : text) {
    if (!is_plain_character(c)) return false;
    lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  bool const starts_well =
      (lower[0] >= 'a' && lower[0] <= 'z') || lower[0] == '/';
  if (!starts_well) return false;
  for (auto const word : words)
    if (lower == word) return false;
  return true;
}

}  // namespace

std::string to_text(bool value) { return value ? "true" : "false"; }

std::string to_text(double value) {
  auto text = fmt::format("{}", value);
  // YAML 1.1 readers take 1e-05 for text: a number has a point there.
  auto const exponent = text.find('e');
  auto const mantissa = text.substr(0, exponent);
  if (mantissa.find('.') == std::string::npos)
    text.insert(mantissa.size(), ".0");
  return text;
}

std::string to_text(std::string const& value) {
  if (is_plain_text(value)) return value;
  std::string text = "\"";
  for (char const c : value) {
    auto const byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      text.append({'\\', c});
    else if (byte < 0x20 || byte == 0x7f)
      text += fmt::format("\\x{:02x}", byte);
    else
      text += c;
  }
  return text + '"';
}

std::string to_text(Resolution const& value) {
  if (value.height == value.width) return std::to_string(value.height);
  return to_text(std::array{value.height, value.width});
}

std::string describe_range(Limits const& limits) {
  bool const has_low = std::isfinite(limits.low);
  bool const has_high = std::isfinite(limits.high);
  auto const low =
      fmt::format("{}{}", limits.excludes_low ? "above " : "", limits.low);
  auto const high =
      fmt::format("{}{}", limits.excludes_high ? "below " : "", limits.high);
  if (has_low && has_high) return fmt::format("{} to {}", low, high);
  if (has_low) return limits.excludes_low ? low : "at least " + low;
  if (has_high) return limits.excludes_high ? high : "at most " + high;
  return "";
}

namespace {

template <class T>
std::string print(T const& config) {
  YamlWriter writer;
  T::visit(writer, config);
  return writer.text();
}

}  // namespace
}  // namespace config_detail

std::string to_yaml(RunConfig const& config) {
  return config_detail::print(config);
}

std::string to_yaml(ModelConfig const& config) {
  config_detail::YamlWriter writer;
  writer.section("model", config, "");
  return writer.text();
}

std::vector<std::pair<std::string, std::string>> list_values(
    RunConfig const& config) {
  return config_detail::list_paths(config);
}

std::string digest(RunConfig const& config) {
  return to_hex(xxh64(to_yaml(config)));
}

std::string digest(ModelConfig const& config) {
  return to_hex(xxh64(to_yaml(config)));
}

}  // namespace gasm
