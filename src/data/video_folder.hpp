// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"

namespace gasm {

class Communicator;

/// File names by id: what stands before the extension.
using VideoFiles = std::map<std::string, std::vector<std::string>>;

/// The video files directly in a folder, known by their extension. Read by
/// the root alone, so that all ranks see one listing. Collective; throws on
/// all ranks if the folder cannot be read.
VideoFiles list_video_files(Communicator const& comm,
                            std::filesystem::path const& folder);

/// Orders ids that are numbers by value, before all others.
bool id_less(std::string const& a, std::string const& b);

}  // namespace gasm
