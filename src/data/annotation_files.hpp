// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "gasm/base/result.hpp"

namespace gasm {

inline constexpr char const* long_name_prefix = "something-something-v2-";

/// What some editors begin a UTF-8 file with. The JSON library skips it.
inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// FOLDER/NAME or FOLDER/something-something-v2-NAME, whichever is there (the
/// first of both); empty if neither is.
std::filesystem::path find_annotation_file(std::filesystem::path const& folder,
                                           std::string const& name);

/// A JSON file; errors read "path:line:column: ...".
Result<nlohmann::json> read_json(std::filesystem::path const& path);

/// What a value is, in words: "a string", "an array", ...
std::string kind_of(nlohmann::json const& value);

/// One "id;class name" line.
struct AnswerLine {
  std::string id;
  std::string class_name;
  std::int64_t line = 0;
};
Result<std::vector<AnswerLine>> read_answers(std::filesystem::path const& path);

}  // namespace gasm
