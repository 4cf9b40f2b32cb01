// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace gasm {

/// Bytes of this process that are in memory, shared ones included; 0 where
/// the system does not tell.
std::int64_t resident_bytes();

}  // namespace gasm
