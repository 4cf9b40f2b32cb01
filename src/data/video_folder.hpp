// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace gasm {

/// Is this what a video file is called: a known extension, not hidden?
bool is_video_name(std::filesystem::path const& name);

/// The id of a video file: what stands before the extension.
std::string video_id(std::filesystem::path const& name);

/// The names of the video files directly in a folder, sorted, each followed
/// by '/', which no name can hold. Throws if the folder cannot be read.
std::string joined_video_names(std::filesystem::path const& folder);

/// Does it begin as Matroska and WebM files do, with the magic of EBML?
bool starts_like_webm(std::span<std::byte const> bytes);

/// Orders ids that are numbers by value, before all others.
bool id_less(std::string const& a, std::string const& b);

}  // namespace gasm
