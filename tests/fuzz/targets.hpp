// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "gasm/base/error.hpp"

/// What a fuzzer, or the replay of its findings, does with one input. An input
/// may be refused with an Error as the readers' callers see it; anything else
/// that leaves one of these functions, a broken promise included, is a finding.
namespace gasm::fuzz {

/// The bytes of a video file: decoded, counted, examined.
void read_video(std::span<std::byte const> input);

/// labels.json, train.json and train-answers.csv, one after the other, with a
/// byte 0x1e between them: listed and loaded as an annotation folder.
void read_annotations(std::span<std::byte const> input);

/// The bytes of a clips.h5 or a features.h5: opened, every record read, all
/// held in memory.
void read_store(std::span<std::byte const> input);

/// The bytes of a file of weights, in any format: read, written as safetensors,
/// read again. A bare pickle is read within archives, too.
void read_weights(std::span<std::byte const> input);

/// Throws unless a reader kept what it promises.
inline void promise(bool is_kept, char const* what) {
  if (!is_kept) throw error("a promise was broken: {}", what);
}

/// A folder of this process's own, removed when it ends.
std::filesystem::path const& scratch_folder();

/// Puts the bytes into a file of the scratch folder.
std::filesystem::path put(char const* name, std::span<std::byte const> bytes);

}  // namespace gasm::fuzz
