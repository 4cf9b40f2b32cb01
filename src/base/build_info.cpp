// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/build_info.hpp"

namespace gasm {
namespace {
#include "gasm_build_info.inc"
}  // namespace

BuildInfo build_info() {
  return {kVersion, kCommit, kDirty, kBuildType, kCompiler};
}

std::string commit_text(BuildInfo const& build) {
  return build.commit + (build.dirty ? " with changes" : "");
}

}  // namespace gasm
