// SPDX-License-Identifier: Apache-2.0
#include "plain_text.hpp"

#include <nlohmann/json.hpp>

namespace gasm {

std::string plain(std::string const& text) {
  using json = nlohmann::json;
  auto const quoted =
      json(text).dump(-1, ' ', true, json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace gasm
