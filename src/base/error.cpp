// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/error.hpp"

#include <system_error>

namespace gasm {

std::string errno_text(int error_number) {
  return std::generic_category().message(error_number);
}

Error error_of(std::exception const& failed) {
  std::string const text = failed.what();
  return Error(text.substr(0, text.find('\n')));
}

void assertion_failed(char const* condition, char const* file, int line) {
  throw Error(fmt::format("internal error: {} is false at {}:{} (a mistake in "
                          "gasm). Try to report it with this line",
                          condition, file, line),
              ExitCode::aborted);
}

}  // namespace gasm
