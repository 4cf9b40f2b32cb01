// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/memory_use.hpp"

#include <unistd.h>

#include <fstream>

namespace gasm {

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0;
  std::int64_t resident = 0;
  if (!(statm >> total >> resident)) return 0;
  return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace gasm
