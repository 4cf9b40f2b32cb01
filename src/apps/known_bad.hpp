// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace gasm {

/// The versions that the table judges, as the libraries tell them.
struct LibraryVersions {
  std::string mpi;   ///< first line of MPI's own text, or "4.1.4"
  std::string hdf5;  ///< "1.10.8"
  bool is_hdf5_parallel = false;
};

enum class Mark { ok, warn };

/// One thing that is known to go wrong with some versions.
struct Finding {
  Mark mark = Mark::ok;
  std::string text;
};

/// What the table of known bad versions says of these, one entry a row. A bad
/// version is ok where this program avoids the fault, and says how; whether it
/// does is read from the environment, so this is asked after MPI's start.
std::vector<Finding> known_bad(LibraryVersions const& versions);

/// The first three numbers of "Open MPI v4.1.4, package ...": {4, 1, 4}.
std::vector<int> version_numbers(std::string const& text);

}  // namespace gasm
