// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gasm::record_detail {

/// A JSON string, with its quotes. Bytes that are no UTF-8 become U+FFFD.
std::string to_json_string(std::string_view text);

/// A number with 9 significant digits; null if it is not finite.
std::string to_json_number(double value);

/// Unix time with milliseconds.
std::string to_json_time(double time_s);

/// The part of a text before its unfinished last line.
std::string_view whole_lines(std::string_view text);

/// Takes the first line, without its newline, off the front of `text`.
std::string_view take_line(std::string_view& text);

}  // namespace gasm::record_detail
