// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gasm {

/// What the HDF5 library in use can do. Not collective.
struct Hdf5Info {
  std::string version;       ///< "1.10.8"
  bool is_parallel = false;  ///< writes one file from many ranks
};

Hdf5Info hdf5_info();

}  // namespace gasm
