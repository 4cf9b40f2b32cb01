// SPDX-License-Identifier: Apache-2.0
#include "h5_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "gasm/base/error.hpp"
#include "gasm/store/data_file.hpp"
#include "h5.hpp"

namespace gasm::h5 {
namespace {

/// Where a column starts, if it is large: on a boundary that file systems
/// stripe by.
constexpr hsize_t alignment_from_bytes = 64 << 10;
constexpr hsize_t alignment_bytes = 1 << 20;

Id create_file(std::string const& path) {
  auto const what = fmt::format("create {}", path);
  Id const creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, what);
  check(H5Pset_obj_track_times(creation.get(), false), what);
  auto const access = file_access();
  // 1.8's format is read everywhere, and its metadata carry checksums.
  check(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18),
        what);
  check(H5Pset_alignment(access.get(), alignment_from_bytes, alignment_bytes),
        what);
  return Id(
      H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()),
      H5Fclose, what);
}

void reserve(int fd, std::string const& path, std::uint64_t size_bytes) {
  if (::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size_bytes)) ==
      0)
    return;
  if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) return;
  throw error(
      "cannot reserve {:.1f} MB for {} ({}). Try to free space or another "
      "folder",
      static_cast<double>(size_bytes) * 1e-6, path, errno_text(errno));
}

/// An empty file with its space.
void reserve_new(std::string const& path, std::uint64_t size_bytes) {
  int const fd =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0)
    throw error("cannot create {} ({}). Try a folder that you may write to",
                path, errno_text(errno));
  try {
    reserve(fd, path, size_bytes);
  } catch (...) {
    ::close(fd);
    throw;
  }
  ::close(fd);
}

// HDF5's readers of the older formats trust what they find: a damaged file
// makes them read and write where they must not. From superblock 2 on all
// metadata carry checksums, which HDF5 compares before it looks at them.
void check_format(DataFile const& file) {
  constexpr std::array<unsigned char, 8> signature{0x89, 'H',  'D',  'F',
                                                   '\r', '\n', 0x1a, '\n'};
  std::array<unsigned char, signature.size() + 1> start{};
  auto const done = file.read(0, std::as_writable_bytes(std::span(start)));
  if (!done || !std::ranges::equal(signature, std::span(start).first<8>()))
    throw error("it does not begin with the signature of HDF5");
  if (start.back() < 2)
    throw error(
        "it is an HDF5 file of superblock version {}, whose metadata carry no "
        "checksums; wanted 2 or later",
        start.back());
}

}  // namespace

StoredFile open_stored(std::filesystem::path const& path) {
  auto const file = value_or_throw(DataFile::open(path));
  check_format(file);
  auto const access = file_access();
  return {Id(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose,
             "open it as HDF5"),
          value_or_throw(file.size_bytes())};
}

void check_schema(hid_t file, std::string const& schema,
                  std::uint64_t version) {
  if (!has_attribute(file, "schema"))
    throw error("it has no attribute 'schema', wanted '{}'; it holds: {}",
                schema, list_members(file));
  auto const found = read_text(file, "schema");
  if (found != schema)
    throw error("its schema is '{}', wanted '{}'", found, schema);
  auto const found_version = read_number(file, "schema_version");
  if (found_version > version)
    throw error(
        "its schema version is {}, written by a newer program; this one reads "
        "{}",
        found_version, version);
  if (found_version != version)
    throw error("its schema version is {}, wanted {}", found_version, version);
}

void create_reserved(std::string const& path, std::uint64_t size_bytes,
                     std::function<void(hid_t)> const& lay_out) {
  silence();
  // HDF5 cannot close a file whose last metadata find no space, so the space
  // is asked for before HDF5 comes in, and again in its new file.
  reserve_new(path, size_bytes);
  auto file = create_file(path);
  int* fd = nullptr;
  check(
      H5Fget_vfd_handle(file.get(), H5P_DEFAULT, reinterpret_cast<void**>(&fd)),
      fmt::format("reach the file behind {}", path));
  reserve(*fd, path, size_bytes);
  lay_out(file.get());
  file.close(fmt::format("finish {}", path));
}

std::uint64_t size_bound_bytes(
    std::initializer_list<std::uint64_t> column_bytes) {
  std::uint64_t bound = 16 << 10;
  for (auto const bytes : column_bytes)
    bound += bytes + (bytes >= alignment_from_bytes ? alignment_bytes : 0);
  return bound;
}

}  // namespace gasm::h5
