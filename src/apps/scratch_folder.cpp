// SPDX-License-Identifier: Apache-2.0
#include "scratch_folder.hpp"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include "gasm/base/error.hpp"

namespace gasm {

ScratchFolder::ScratchFolder(std::filesystem::path const& within) {
  auto name = (within / "gasm-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw error("cannot make a folder in {} ({}). Try another --folder",
                within.string(), errno_text(errno));
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace gasm
