// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gasm {

/// What this binary was built from.
struct BuildInfo {
  std::string version;
  std::string commit;  ///< 40 hex digits, or "unknown"
  bool dirty = false;  ///< built from a tree with uncommitted changes
  std::string build_type;
  std::string compiler;
};

BuildInfo build_info();

/// The commit, and whether something was changed since.
std::string commit_text(BuildInfo const& build);

}  // namespace gasm
