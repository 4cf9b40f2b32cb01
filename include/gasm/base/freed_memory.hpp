// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gasm {

/// From now on memory that is freed stays with this process, so that the next
/// block of its size is there at once. Each step of training asks for the
/// tensors of the step before, and glibc gives large blocks back to the system
/// each time, which then clears them again page by page: a third of the time
/// of some forward passes. The process never shrinks in return; its peak is
/// the same. For a program's first line; does nothing without glibc.
void keep_freed_memory();

}  // namespace gasm
