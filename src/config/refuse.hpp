// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "gasm/base/error.hpp"
#include "validate.hpp"

namespace gasm::config_detail {

/// usage_error "PLACE PATH text" if `is_wrong`.
template <class... Args>
void refuse_if(bool is_wrong, Locate const& locate, std::string_view path,
               fmt::format_string<Args...> text, Args&&... args) {
  if (!is_wrong) return;
  throw usage_error("{}{} {}", locate(path), path,
                    fmt::format(text, std::forward<Args>(args)...));
}

/// Refuses heads that do not divide a width.
void check_divides(Locate const& locate, std::string_view path, int heads,
                   std::string_view width_path, int width);

}  // namespace gasm::config_detail
