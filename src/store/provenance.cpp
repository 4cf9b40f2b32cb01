// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/provenance.hpp"

#include <algorithm>
#include <map>
#include <sstream>

namespace gasm {
namespace {

using Lines = std::map<std::string, std::string>;

Lines lines_of(std::string const& text) {
  Lines lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    auto const colon = std::min(line.find(": "), line.size());
    lines.emplace(line.substr(0, colon),
                  line.substr(std::min(line.size(), colon + 2)));
  }
  return lines;
}

std::string value_in(Lines const& lines, std::string const& key) {
  auto const found = lines.find(key);
  return found == lines.end() ? "nothing" : found->second;
}

}  // namespace

std::string compare_provenance(
    std::string const& there, std::string const& here,
    std::function<bool(std::string const&)> const& counts) {
  auto const old_lines = lines_of(there);
  auto const new_lines = lines_of(here);
  auto all = old_lines;
  all.insert(new_lines.begin(), new_lines.end());
  std::string differs;
  for (auto const& [key, unused] : all) {
    auto const old_value = value_in(old_lines, key);
    auto const new_value = value_in(new_lines, key);
    if (old_value == new_value || (counts && !counts(key))) continue;
    if (!differs.empty()) differs += "; ";
    differs += key + ": " + old_value + " there, " + new_value + " here";
  }
  return differs;
}

}  // namespace gasm
