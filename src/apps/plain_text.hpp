// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gasm {

/// ASCII without control characters, which stand as JSON escapes them: a file
/// may not write to the terminal what it likes.
std::string plain(std::string const& text);

}  // namespace gasm
