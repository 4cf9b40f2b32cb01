// SPDX-License-Identifier: Apache-2.0
#include "annotation_files.hpp"

#include <algorithm>

#include "gasm/base/file.hpp"

namespace gasm {
namespace {

std::string position_of(std::string const& text, std::size_t byte) {
  auto const before = std::string_view(text).substr(0, byte);
  auto const line = std::ranges::count(before, '\n') + 1;
  auto const line_start = before.rfind('\n');
  auto const column = line_start == std::string_view::npos
                          ? before.size() + 1
                          : before.size() - line_start;
  return fmt::format("{}:{}", line, column);
}

/// The library's message without its code and its own idea of the position.
std::string reason_of(nlohmann::json::exception const& why) {
  std::string const text = why.what();
  for (auto const* words : {"syntax error", "number overflow"})
    if (auto const start = text.find(words); start != std::string::npos)
      return text.substr(start);
  return text;
}

}  // namespace

std::filesystem::path find_annotation_file(std::filesystem::path const& folder,
                                           std::string const& name) {
  for (auto const& candidate : {name, long_name_prefix + name})
    if (std::error_code ignored;
        std::filesystem::is_regular_file(folder / candidate, ignored))
      return folder / candidate;
  return {};
}

Result<nlohmann::json> read_json(std::filesystem::path const& path) {
  auto const text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  try {
    return nlohmann::json::parse(*text);
  } catch (nlohmann::json::parse_error const& why) {
    // `byte` counts from 1, and is one more where the text ended too early.
    auto const byte = std::min(text->size(), why.byte == 0 ? 0 : why.byte - 1);
    return failure("{}:{}: not valid JSON ({}). Try fetching the file again",
                   path.string(), position_of(*text, byte), reason_of(why));
  } catch (nlohmann::json::out_of_range const& why) {
    // Such a number is valid JSON; the library does not say where it stands.
    return failure("{}: a number is too large ({}). Try writing it as a string",
                   path.string(), reason_of(why));
  }
}

std::string kind_of(nlohmann::json const& value) {
  if (value.is_string()) return "a string";
  if (value.is_number()) return "a number";
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  if (value.is_boolean()) return "true or false";
  return "null";
}

Result<std::vector<AnswerLine>> read_answers(
    std::filesystem::path const& path) {
  auto const text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  std::vector<AnswerLine> answers;
  std::int64_t line_number = 0;
  auto const start =
      text->starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
  for (std::size_t at = start; at < text->size();) {
    auto const end = std::min(text->find('\n', at), text->size());
    auto line = text->substr(at, end - at);
    at = end + 1;
    ++line_number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    auto const separator = line.find(';');
    if (separator == std::string::npos || separator == 0)
      return failure("{}:{}: '{}' is not 'id;class name'", path.string(),
                     line_number, line);
    answers.push_back(
        {line.substr(0, separator), line.substr(separator + 1), line_number});
  }
  return answers;
}

}  // namespace gasm
