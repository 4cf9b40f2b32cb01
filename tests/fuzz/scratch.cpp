// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include "support/temp_folder.hpp"
#include "targets.hpp"

namespace gasm::fuzz {

std::filesystem::path const& scratch_folder() {
  static TempFolder const folder;
  return folder.path();
}

std::filesystem::path put(char const* name, std::span<std::byte const> bytes) {
  auto path = scratch_folder() / name;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<char const*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw error("cannot write {}", path.string());
  return path;
}

}  // namespace gasm::fuzz
