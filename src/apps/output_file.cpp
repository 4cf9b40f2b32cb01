// SPDX-License-Identifier: Apache-2.0
#include "output_file.hpp"

#include <unistd.h>

#include <cerrno>

#include "gasm/base/error.hpp"

namespace gasm {

namespace fs = std::filesystem;

void check_output(std::string const& option, fs::path const& output) {
  if (output.empty()) throw usage_error("{} is empty", option);
  std::error_code ignored;
  if (fs::is_directory(output, ignored))
    throw error("cannot write {} ({} is a folder). Try the name of a file",
                output.string(), option);
  fs::path const folder = output.has_parent_path() ? output.parent_path() : ".";
  if (!fs::exists(folder, ignored))
    throw error(
        "cannot write {} (its folder does not exist). Try mkdir -p {}, or "
        "another {}",
        output.string(), folder.string(), option);
  if (!fs::is_directory(folder, ignored))
    throw error("cannot write {} ({} is no folder). Try another {}",
                output.string(), folder.string(), option);
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    throw error(
        "cannot write {} (its folder: {}). Try a folder that you may write to",
        output.string(), errno_text(errno));
}

void refuse_same_file(std::string const& option, fs::path const& output,
                      std::vector<fs::path> const& inputs) {
  for (auto const& input : inputs) {
    std::error_code none_there;
    if (!fs::equivalent(output, input, none_there) || none_there) continue;
    throw usage_error(
        "{} {} is the input {} (it would be overwritten). Try another name",
        option, output.string(), input.string());
  }
}

}  // namespace gasm
