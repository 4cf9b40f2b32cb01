// SPDX-License-Identifier: Apache-2.0
#include "h5.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace gasm::h5 {
namespace {

Id scalar() { return Id(H5Screate(H5S_SCALAR), H5Sclose, "make a scalar"); }

Id open_attribute(hid_t object, char const* name) {
  return Id(H5Aopen(object, name, H5P_DEFAULT), H5Aclose,
            fmt::format("open the attribute '{}'", name));
}

void write_attribute(hid_t object, char const* name, hid_t type,
                     void const* value) {
  auto const what = fmt::format("write the attribute '{}'", name);
  auto const space = scalar();
  auto const attribute =
      Id(H5Acreate2(object, name, type, space.get(), H5P_DEFAULT, H5P_DEFAULT),
         H5Aclose, what);
  check(H5Awrite(attribute.get(), type, value), what);
}

bool is_fixed_string(hid_t type) {
  return H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0;
}

std::string trimmed(char const* text, std::size_t size) {
  return std::string(text, strnlen(text, size));
}

/// "file write failed: time = ..., errno = 28, error message = 'No space left
/// on device', buf = ..." -> "file write failed: No space left on device".
std::string without_noise(std::string const& text) {
  constexpr std::string_view mark = "error message = '";
  auto const at = text.find(mark);
  auto const colon = text.find(": ");
  if (at == std::string::npos || colon == std::string::npos) return text;
  auto const start = at + mark.size();
  return text.substr(0, colon + 2) +
         text.substr(start, text.find('\'', start) - start);
}

}  // namespace

Id::Id(hid_t id, Close closer, std::string_view what)
    : id_(id), close_(closer) {
  if (id < 0) throw error("cannot {} ({})", what, reason());
}

Id::~Id() {
  if (id_ >= 0) close_(id_);
}

void Id::close(std::string_view what) {
  if (id_ >= 0) check(close_(std::exchange(id_, H5I_INVALID_HID)), what);
}

void check(herr_t status, std::string_view what) {
  if (status < 0) throw error("cannot {} ({})", what, reason());
}

void silence() {
  // HDF5's own clean-up at exit crashes on a file whose close failed, as on a
  // full disk. Every id here is closed by its owner. Works before first use.
  static herr_t const no_exit_handler = H5dont_atexit();
  (void)no_exit_handler;
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

std::string reason() {
  std::string innermost;
  auto const keep_first = [](unsigned, H5E_error2_t const* entry,
                             void* text) -> herr_t {
    auto& found = *static_cast<std::string*>(text);
    if (found.empty() && entry->desc != nullptr) found = entry->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &innermost);
  H5Eclear2(H5E_DEFAULT);
  return innermost.empty() ? "HDF5 gives no reason" : without_noise(innermost);
}

Id file_access() {
  Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "set up file access");
#if H5_VERSION_GE(1, 10, 7)
  // Locks fail on some network file systems, and a store has one writer.
  check(H5Pset_file_locking(access.get(), 0, 1), "switch file locks off");
#endif
  return access;
}

Id fixed_string_type(std::size_t size_bytes) {
  Id type(H5Tcopy(H5T_C_S1), H5Tclose, "make a string type");
  check(H5Tset_size(type.get(), std::max<std::size_t>(size_bytes, 1)),
        "size a string type");
  check(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), "pad a string type");
  check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "make a UTF-8 string type");
  return type;
}

Id half_type() {
  constexpr auto what = "make the type of half precision";
  Id type(H5Tcopy(H5T_IEEE_F32LE), H5Tclose, what);
  // Sign at bit 15, 5 bits of exponent from bit 10 on, 10 bits of mantissa.
  check(H5Tset_fields(type.get(), 15, 10, 5, 0, 10), what);
  check(H5Tset_size(type.get(), 2), what);
  check(H5Tset_ebias(type.get(), 15), what);
  return type;
}

void write_text(hid_t object, char const* name, std::string const& value) {
  auto const type = fixed_string_type(value.size());
  write_attribute(object, name, type.get(), value.c_str());
}

void write_number(hid_t object, char const* name, std::uint64_t value) {
  write_attribute(object, name, H5T_STD_U64LE, &value);
}

bool has_attribute(hid_t object, char const* name) {
  return H5Aexists(object, name) > 0;
}

std::string read_text(hid_t object, char const* name) {
  auto const attribute = open_attribute(object, name);
  Id const type(H5Aget_type(attribute.get()), H5Tclose, "read a type");
  Id const space(H5Aget_space(attribute.get()), H5Sclose, "read a shape");
  auto const size = H5Tget_size(type.get());
  if (!is_fixed_string(type.get()) || size > 65536 ||
      H5Sget_simple_extent_npoints(space.get()) != 1)
    throw error("the attribute '{}' is not one short text", name);
  std::vector<char> text(size);
  check(H5Aread(attribute.get(), type.get(), text.data()),
        fmt::format("read the attribute '{}'", name));
  return trimmed(text.data(), text.size());
}

std::uint64_t read_number(hid_t object, char const* name) {
  auto const attribute = open_attribute(object, name);
  Id const type(H5Aget_type(attribute.get()), H5Tclose, "read a type");
  Id const space(H5Aget_space(attribute.get()), H5Sclose, "read a shape");
  if (H5Tequal(type.get(), H5T_STD_U64LE) <= 0 ||
      H5Sget_simple_extent_npoints(space.get()) != 1)
    throw error("the attribute '{}' is not one 64-bit number", name);
  std::uint64_t value = 0;
  check(H5Aread(attribute.get(), H5T_NATIVE_UINT64, &value),
        fmt::format("read the attribute '{}'", name));
  return value;
}

std::string list_members(hid_t file) {
  constexpr std::size_t max_names = 10;
  std::vector<std::string> names;
  auto const keep = [](hid_t, char const* name, H5L_info_t const*,
                       void* all) -> herr_t {
    static_cast<std::vector<std::string>*>(all)->emplace_back(name);
    return 0;
  };
  // In no order: to sort, HDF5 1.10 makes a table, and where a member of a
  // damaged file cannot be read it frees rows that it never filled.
  bool const is_whole = H5Literate(file, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr,
                                   keep, &names) >= 0;
  std::ranges::sort(names);
  auto const num_more = names.size() - std::min(names.size(), max_names);
  names.resize(names.size() - num_more);
  auto text = fmt::format("{}", fmt::join(names, ", "));
  if (num_more > 0) text += fmt::format(" and {} more", num_more);
  if (!is_whole)
    return names.empty() ? "members that cannot be listed"
                         : text + " (and members that cannot be listed)";
  return names.empty() ? "nothing" : text;
}

Id create_array(hid_t file, char const* name, hid_t type,
                std::vector<std::uint64_t> const& shape) {
  auto const what = fmt::format("create '{}'", name);
  Id const creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, what);
  check(H5Pset_layout(creation.get(), H5D_CONTIGUOUS), what);
  check(H5Pset_alloc_time(creation.get(), H5D_ALLOC_TIME_EARLY), what);
  check(H5Pset_fill_time(creation.get(), H5D_FILL_TIME_NEVER), what);
  check(H5Pset_obj_track_times(creation.get(), false), what);
  std::vector<hsize_t> const dims(shape.begin(), shape.end());
  Id const space(
      H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
      H5Sclose, what);
  return Id(H5Dcreate2(file, name, type, space.get(), H5P_DEFAULT,
                       creation.get(), H5P_DEFAULT),
            H5Dclose, what);
}

void create_group(hid_t file, char const* name) {
  auto const what = fmt::format("create '{}'", name);
  Id const creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose, what);
  check(H5Pset_obj_track_times(creation.get(), false), what);
  Id const group(
      H5Gcreate2(file, name, H5P_DEFAULT, creation.get(), H5P_DEFAULT),
      H5Gclose, what);
}

Id create_column(hid_t file, char const* name, hid_t type,
                 std::uint64_t num_rows) {
  return create_array(file, name, type, {num_rows});
}

void write_raw_column(hid_t file, char const* name, hid_t type,
                      std::uint64_t num_rows, void const* rows) {
  auto const dataset = create_column(file, name, type, num_rows);
  check(H5Dwrite(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows),
        fmt::format("write '{}'", name));
}

void write_column(hid_t file, char const* name,
                  std::vector<std::string> const& rows) {
  std::size_t width = 1;
  for (auto const& row : rows) width = std::max(width, row.size());
  std::vector<char> table(width * rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::ranges::copy(rows[i], table.begin() + static_cast<long>(i * width));
  auto const type = fixed_string_type(width);
  write_raw_column(file, name, type.get(), rows.size(), table.data());
}

Array open_array(hid_t file, char const* name, hid_t type,
                 std::uint64_t file_size_bytes) {
  Array array;
  array.dataset = Id(H5Dopen2(file, name, H5P_DEFAULT), H5Dclose,
                     fmt::format("open '{}'", name));
  hid_t const dataset = array.dataset.get();
  Id const found_type(H5Dget_type(dataset), H5Tclose, "read a type");
  if (type >= 0 && H5Tequal(found_type.get(), type) <= 0)
    throw error("'{}' has another element type", name);
  Id const space(H5Dget_space(dataset), H5Sclose, "read a shape");
  Id const creation(H5Dget_create_plist(dataset), H5Pclose, "read a layout");
  std::array<hsize_t, H5S_MAX_RANK> dims{};
  int const num_dims =
      H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr);
  if (num_dims < 1 || H5Pget_layout(creation.get()) != H5D_CONTIGUOUS)
    throw error("'{}' is not one contiguous array", name);
  haddr_t const start = H5Dget_offset(dataset);
  if (start == HADDR_UNDEF || start > file_size_bytes)
    throw error("'{}' does not lie within the file's {} bytes", name,
                file_size_bytes);
  // Before anything is allocated: a changed file may claim any size.
  auto room = (file_size_bytes - start) /
              std::max<std::size_t>(H5Tget_size(found_type.get()), 1);
  for (int i = 0; i < num_dims; ++i) {
    auto const dim = dims[static_cast<std::size_t>(i)];
    if (dim > room)
      throw error("'{}' does not lie within the file's {} bytes", name,
                  file_size_bytes);
    if (dim > 0) room /= dim;
    array.shape.push_back(dim);
  }
  array.start = start;
  return array;
}

Column open_column(hid_t file, char const* name, hid_t type,
                   std::uint64_t file_size_bytes) {
  auto array = open_array(file, name, type, file_size_bytes);
  if (array.shape.size() != 1)
    throw error("'{}' is not one contiguous column", name);
  return {std::move(array.dataset), array.shape[0], array.start};
}

std::vector<std::string> read_text_column(hid_t file, char const* name,
                                          std::uint64_t file_size_bytes) {
  auto const column = open_column(file, name, H5I_INVALID_HID, file_size_bytes);
  Id const type(H5Dget_type(column.dataset.get()), H5Tclose, "read a type");
  if (!is_fixed_string(type.get()))
    throw error("'{}' does not hold fixed-length text", name);
  auto const width = H5Tget_size(type.get());
  std::vector<char> table(width * column.num_rows);
  check(H5Dread(column.dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                table.data()),
        fmt::format("read '{}'", name));
  std::vector<std::string> rows;
  rows.reserve(column.num_rows);
  for (std::uint64_t i = 0; i < column.num_rows; ++i)
    rows.push_back(trimmed(table.data() + i * width, width));
  return rows;
}

}  // namespace gasm::h5
