// SPDX-License-Identifier: Apache-2.0
#include "known_bad.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cctype>
#include <cstdlib>
#include <string_view>

namespace gasm {
namespace {

using Numbers = std::vector<int>;

std::string environment(char const* name) {
  char const* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_open_mpi(LibraryVersions const& versions) {
  return versions.mpi.starts_with("Open MPI");
}

/// Open MPI before 4.1.7 and 5.0.0 .. 5.0.5 (open-mpi/ompi#12718).
Finding file_locks(LibraryVersions const& versions) {
  if (!is_open_mpi(versions))
    return {Mark::ok, "MPI-IO locks: not Open MPI, not affected"};
  auto const found = version_numbers(versions.mpi);
  bool const is_fixed = found >= Numbers{5, 0, 6} ||
                        (found >= Numbers{4, 1, 7} && found < Numbers{5, 0, 0});
  if (is_fixed) return {Mark::ok, "MPI-IO locks: fixed in this Open MPI"};
  auto const bad = fmt::format(
      "MPI-IO locks: Open MPI {} writes parallel files wrongly (those before "
      "4.1.7 and 5.0.6 do)",
      fmt::join(found, "."));
  auto const value = environment("OMPI_MCA_fs_ufs_lock_algorithm");
  if (value == "3")
    return {Mark::ok,
            bad + " without range locks; fs_ufs_lock_algorithm=3 is set"};
  return {Mark::warn,
          fmt::format("{} (fs_ufs_lock_algorithm is '{}'). Try unset "
                      "OMPI_MCA_fs_ufs_lock_algorithm",
                      bad, value)};
}

/// OMPIO's default collective writer hangs (HDFGroup/hdf5#1227).
Finding collective_writer(LibraryVersions const& versions) {
  if (!is_open_mpi(versions))
    return {Mark::ok, "collective writes: not Open MPI, not affected"};
  auto const value = environment("OMPI_MCA_fcoll");
  if (value == "dynamic_gen2" || value == "individual")
    return {Mark::ok,
            "collective writes: Open MPI's vulcan can hang under "
            "HDF5; fcoll=" +
                value + " is set"};
  return {Mark::warn,
          fmt::format("collective writes: Open MPI's vulcan can hang under "
                      "HDF5 (fcoll is '{}'). Try unset OMPI_MCA_fcoll",
                      value)};
}

/// H5Pset_all_coll_metadata_ops, fixed in 1.10.9 and 1.12.2.
Finding collective_metadata(LibraryVersions const& versions) {
  auto const found = version_numbers(versions.hdf5);
  bool const is_bad =
      (found >= Numbers{1, 10, 5} && found < Numbers{1, 10, 9}) ||
      (found >= Numbers{1, 12, 0} && found < Numbers{1, 12, 2});
  if (!is_bad) return {Mark::ok, "collective metadata: fine in this HDF5"};
  return {Mark::ok,
          fmt::format("collective metadata: broken in HDF5 {} (1.10.5 to "
                      "1.10.8, 1.12.0 and 1.12.1 are); never used here, the "
                      "root reads and broadcasts",
                      versions.hdf5)};
}

Finding parallel_hdf5(LibraryVersions const& versions) {
  if (versions.is_hdf5_parallel)
    return {Mark::ok, "parallel HDF5: this build writes from many ranks"};
  return {Mark::warn,
          "parallel HDF5: this build cannot write from many ranks. Try "
          "libhdf5-openmpi-dev and build again"};
}

Finding file_locking() {
  auto const value = environment("HDF5_USE_FILE_LOCKING");
  if (value == "FALSE" || value == "BEST_EFFORT")
    return {Mark::ok, "HDF5 file locks: off, as network file systems need"};
  return {Mark::warn,
          fmt::format("HDF5 file locks: HDF5_USE_FILE_LOCKING is '{}', which "
                      "fails on some network file systems. Try FALSE",
                      value)};
}

}  // namespace

std::vector<int> version_numbers(std::string const& text) {
  Numbers numbers;
  auto const is_digit = [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  };
  for (std::size_t i = 0; i < text.size() && numbers.size() < 3;) {
    if (!is_digit(text[i])) {
      if (!numbers.empty() && text[i] != '.') break;
      ++i;
      continue;
    }
    int value = 0;
    for (; i < text.size() && is_digit(text[i]) && value < 100000; ++i)
      value = 10 * value + (text[i] - '0');
    numbers.push_back(value);
  }
  return numbers;
}

std::vector<Finding> known_bad(LibraryVersions const& versions) {
  return {file_locks(versions), collective_writer(versions),
          parallel_hdf5(versions), collective_metadata(versions),
          file_locking()};
}

}  // namespace gasm
