// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include "gasm/base/exit_code.hpp"

namespace gasm {

/// What went wrong, as one sentence for the person who must act on it:
/// "problem (why). Try ...", naming the path, key, shape or rank at fault.
///
/// Thrown where the caller cannot go on, and carried by Result (result.hpp)
/// where it can. The exit code is what the process ends with if nobody
/// handles the error.
class Error : public std::runtime_error {
 public:
  explicit Error(std::string const& message,
                 ExitCode code = ExitCode::agreed_failure)
      : std::runtime_error(message), code_(code) {}

  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// An Error from a format string: `throw error("cannot open {} ({})", p, why)`.
template <class... Args>
Error error(fmt::format_string<Args...> text, Args&&... args) {
  return Error(fmt::format(text, std::forward<Args>(args)...));
}

/// An Error that ends the process with ExitCode::usage.
template <class... Args>
Error usage_error(fmt::format_string<Args...> text, Args&&... args) {
  return Error(fmt::format(text, std::forward<Args>(args)...), ExitCode::usage);
}

/// The Error of another library's exception: the first line of its text, for
/// some append stack traces.
Error error_of(std::exception const& failed);

/// The text of errno, e.g. "No space left on device".
std::string errno_text(int error_number);

/// Ends in an exception that names file and line if `condition` is false: for
/// our own mistakes, not for bad input. Always on.
#define GASM_ASSERT(condition) \
  ((condition) ? void(0)       \
               : ::gasm::assertion_failed(#condition, __FILE__, __LINE__))

[[noreturn]] void assertion_failed(char const* condition, char const* file,
                                   int line);

}  // namespace gasm
