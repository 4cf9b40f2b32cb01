// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gasm {

/// Lets the calling thread run only on what other threads leave of the cores
/// (nice 19 for this thread alone). It cannot be taken back. Where the system
/// refuses, the thread keeps its priority.
void give_way_to_other_threads();

}  // namespace gasm
