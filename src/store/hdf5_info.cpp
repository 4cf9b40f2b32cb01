// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/hdf5_info.hpp"

#include <fmt/format.h>

#include "h5.hpp"

namespace gasm {

Hdf5Info hdf5_info() {
  Hdf5Info info;
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  h5::check(H5get_libversion(&major, &minor, &release), "ask its version");
  info.version = fmt::format("{}.{}.{}", major, minor, release);
#ifdef H5_HAVE_PARALLEL
  info.is_parallel = true;
#endif
  return info;
}

}  // namespace gasm
