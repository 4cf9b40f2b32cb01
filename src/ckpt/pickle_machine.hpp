// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "pickle_globals.hpp"

namespace gasm {

/// Reads a pickle of protocol 2 to 5 without Python: a stack machine over the
/// opcodes that torch.save and torch.jit.save write (CPython's Lib/pickle.py
/// and pickletools.py). It builds values and calls nothing; see PickleGlobals.
/// Every other opcode, a global that is not known, a number that is cut off,
/// use of what is not on the stack or in the memo, and bytes after the end are
/// an Error that begins with `what` and names the byte. Neither time nor
/// memory exceeds a small multiple of the pickle's own size, nor does it
/// recurse.
Pickle read_pickle(std::string const& what, std::span<std::byte const> bytes,
                   PickleDialect dialect);

}  // namespace gasm
