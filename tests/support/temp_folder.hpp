// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include "gasm/base/error.hpp"

namespace gasm {

/// Makes a new, empty folder below the system's folder for temporary files.
inline std::filesystem::path make_temp_folder() {
  std::string name =
      (std::filesystem::temp_directory_path() / "gasm-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr)
    throw error("cannot make the folder {} ({})", name, errno_text(errno));
  return name;
}

/// A folder of a test's own, removed with all it holds at the scope's end.
/// Under MPI each rank gets its own; for one that all ranks share see
/// shared_temp_folder() in mpi_main.hpp.
class TempFolder {
 public:
  TempFolder() : path_(make_temp_folder()) {}
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(TempFolder const&) = delete;
  TempFolder& operator=(TempFolder const&) = delete;

  std::filesystem::path const& path() const { return path_; }
  std::filesystem::path operator/(std::string const& name) const {
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace gasm
