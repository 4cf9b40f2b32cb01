// SPDX-License-Identifier: Apache-2.0
#include "listed_file.hpp"

#include "gasm/base/hash.hpp"
#include "pickle_value.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

Result<void> check_hash(fs::path const& path, CheckpointFile const& file,
                        std::uint64_t found) {
  auto const hash = to_hex(found);
  if (hash == file.xxh64) return {};
  return failure("{} has the checksum {}, its manifest says {} (damaged)",
                 path.string(), hash, printable(file.xxh64));
}

}  // namespace

Result<void> check_listed_size(fs::path const& path,
                               CheckpointFile const& file) {
  std::error_code why;
  if (!fs::exists(path, why))
    return failure("{} is missing, which its manifest names", path.string());
  auto const num_bytes = fs::file_size(path, why);
  if (why) return failure("cannot read {} ({})", path.string(), why.message());
  if (num_bytes != file.num_bytes)
    return failure("{} has {} bytes, its manifest says {} (damaged)",
                   path.string(), num_bytes, file.num_bytes);
  return {};
}

Result<void> check_listed_file(fs::path const& path,
                               CheckpointFile const& file) {
  if (auto fits = check_listed_size(path, file); !fits) return fits;
  auto const hash = xxh64_file(path);
  if (!hash) return tl::unexpected(hash.error());
  return check_hash(path, file, *hash);
}

Result<TensorFile> read_listed_file(fs::path const& path,
                                    CheckpointFile const& file) {
  if (auto fits = check_listed_size(path, file); !fits)
    return tl::unexpected(fits.error());
  auto read = read_hashed_safetensors(path);
  auto const sound = read ? check_hash(path, file, read->xxh64)
                          : check_listed_file(path, file);
  if (!sound) return tl::unexpected(sound.error());
  if (!read) return tl::unexpected(read.error());
  return std::move(read->file);
}

}  // namespace gasm
