// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>

#include "h5.hpp"

/// What all HDF5 files of the project have in common.
namespace gasm::h5 {

/// A file open for reading.
struct StoredFile {
  Id file;
  std::uint64_t size_bytes = 0;
};
/// Throws Error unless the file begins as an HDF5 file of ours does.
StoredFile open_stored(std::filesystem::path const& path);

/// Throws Error unless the attributes `schema` and `schema_version` are these.
void check_schema(hid_t file, std::string const& schema, std::uint64_t version);

/// Makes a file whose space is on the disk before anything is written, so that
/// a full disk is met here, and `lay_out`s it: attributes, columns. Throws
/// Error.
void create_reserved(std::string const& path, std::uint64_t size_bytes,
                     std::function<void(hid_t)> const& lay_out);

/// More than a file with columns of these sizes will need: alignment gaps and
/// metadata.
std::uint64_t size_bound_bytes(
    std::initializer_list<std::uint64_t> column_bytes);

}  // namespace gasm::h5
