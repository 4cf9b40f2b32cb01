// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gasm/base/error.hpp"

/// HDF5's C interface with owners and exceptions. Everything here throws
/// Error with HDF5's own reason; nothing prints. One thread at a time.
namespace gasm::h5 {

/// Owns one HDF5 identifier.
class Id {
 public:
  using Close = herr_t (*)(hid_t);

  Id() = default;
  /// Throws "cannot WHAT (reason)" if `id` is HDF5's failure.
  Id(hid_t id, Close closer, std::string_view what);
  ~Id();
  Id(Id&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Id& operator=(Id&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }

  hid_t get() const { return id_; }
  /// Closes now and throws if that fails, which a destructor cannot.
  void close(std::string_view what);

 private:
  hid_t id_ = H5I_INVALID_HID;
  Close close_ = nullptr;
};

/// Throws "cannot WHAT (reason)" if `status` is negative.
void check(herr_t status, std::string_view what);

/// Keeps HDF5 from printing its error stack. Every entry of the module calls
/// it first, since another library of the process may switch it on.
void silence();

/// Innermost reason on HDF5's error stack.
std::string reason();

Id file_access();
Id fixed_string_type(std::size_t size_bytes);
/// IEEE 754 half precision, little-endian: numpy's float16.
Id half_type();

/// Scalar attributes of an object.
void write_text(hid_t object, char const* name, std::string const& value);
void write_number(hid_t object, char const* name, std::uint64_t value);
bool has_attribute(hid_t object, char const* name);
std::string read_text(hid_t object, char const* name);
std::uint64_t read_number(hid_t object, char const* name);

/// The first few of the root's members and how many more there are, for
/// messages about foreign files: "a, b", or "a, b, ... and 190 more".
std::string list_members(hid_t file);

template <class T>
hid_t file_type();
template <>
inline hid_t file_type<std::uint8_t>() {
  return H5T_STD_U8LE;
}
template <>
inline hid_t file_type<std::uint16_t>() {
  return H5T_STD_U16LE;
}
template <>
inline hid_t file_type<std::int16_t>() {
  return H5T_STD_I16LE;
}
template <>
inline hid_t file_type<std::uint32_t>() {
  return H5T_STD_U32LE;
}
template <>
inline hid_t file_type<std::uint64_t>() {
  return H5T_STD_U64LE;
}

template <>
inline hid_t file_type<std::int32_t>() {
  return H5T_STD_I32LE;
}
template <>
inline hid_t file_type<float>() {
  return H5T_IEEE_F32LE;
}

/// A contiguous dataset whose space is allocated at once, never filled, and
/// which carries no time stamp.
Id create_array(hid_t file, char const* name, hid_t type,
                std::vector<std::uint64_t> const& shape);
/// A group without a time stamp.
void create_group(hid_t file, char const* name);
/// An array of a single dimension.
Id create_column(hid_t file, char const* name, hid_t type,
                 std::uint64_t num_rows);
void write_raw_column(hid_t file, char const* name, hid_t type,
                      std::uint64_t num_rows, void const* rows);

template <class T>
void write_column(hid_t file, char const* name, std::vector<T> const& rows) {
  write_raw_column(file, name, file_type<T>(), rows.size(), rows.data());
}
void write_column(hid_t file, char const* name,
                  std::vector<std::string> const& rows);

/// A dataset found to be contiguous, within the file, and (unless `type` is
/// negative) of exactly this type.
struct Array {
  Id dataset;
  std::vector<std::uint64_t> shape;
  std::uint64_t start = 0;  // of its first byte in the file
};
Array open_array(hid_t file, char const* name, hid_t type,
                 std::uint64_t file_size_bytes);
/// The same of one dimension.
struct Column {
  Id dataset;
  std::uint64_t num_rows = 0;
  std::uint64_t start = 0;
};
Column open_column(hid_t file, char const* name, hid_t type,
                   std::uint64_t file_size_bytes);

template <class T>
std::vector<T> read_column(hid_t file, char const* name,
                           std::uint64_t file_size_bytes) {
  auto const column = open_column(file, name, file_type<T>(), file_size_bytes);
  std::vector<T> rows(column.num_rows);
  check(H5Dread(column.dataset.get(), file_type<T>(), H5S_ALL, H5S_ALL,
                H5P_DEFAULT, rows.data()),
        fmt::format("read '{}'", name));
  return rows;
}
std::vector<std::string> read_text_column(hid_t file, char const* name,
                                          std::uint64_t file_size_bytes);

}  // namespace gasm::h5
