// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <string>

#include "gasm/archive/tar_reader.hpp"

namespace gasm {

struct FreeReader {
  void operator()(archive* a) const { archive_read_free(a); }
};
struct FreeWriter {
  void operator()(archive* a) const { archive_write_free(a); }
};
struct FreeEntry {
  void operator()(archive_entry* e) const { archive_entry_free(e); }
};
using ReaderHandle = std::unique_ptr<archive, FreeReader>;
using WriterHandle = std::unique_ptr<archive, FreeWriter>;
using EntryHandle = std::unique_ptr<archive_entry, FreeEntry>;

/// Why the last call failed, in the library's words.
std::string archive_reason(archive* handle);

/// The name as the archive spells it; empty if it has none that can be read.
std::string entry_name(archive_entry* entry);

MemberKind entry_kind(archive_entry* entry);

/// All that is left of the current member. `what` names it in messages.
Result<std::vector<std::byte>> read_entry(archive* handle,
                                          std::uint64_t max_bytes,
                                          std::string const& what);

}  // namespace gasm
