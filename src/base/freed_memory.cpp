// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/freed_memory.hpp"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace gasm {

void keep_freed_memory() {
#ifdef __GLIBC__
  // A raised threshold of mmap would not do: it ends at 32 MiB.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
#endif
}

}  // namespace gasm
