// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gasm {

/// What a command does before its work, so that hours of it are not lost to a
/// file name. Functions of one process: under MPI the root calls them, inside
/// agree_call. `option` is the output's name in messages, e.g. "--manifest".

/// Throws an Error if no file can be written at `output`: it is a folder, or
/// the folder it stands in does not exist or cannot be written to.
void check_output(std::string const& option,
                  std::filesystem::path const& output);

/// Throws a usage error if `output` is one of the files that the command
/// reads, by whatever path or link: writing it would destroy that one. Inputs
/// that are empty or do not exist are passed over.
void refuse_same_file(std::string const& option,
                      std::filesystem::path const& output,
                      std::vector<std::filesystem::path> const& inputs);

}  // namespace gasm
