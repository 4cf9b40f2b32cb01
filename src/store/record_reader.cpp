// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/record_reader.hpp"

#include <cstring>

#include "gasm/base/error.hpp"

namespace gasm {

Result<void> RecordReader::read_into(std::int64_t record,
                                     RecordPlaces const& into) {
  auto const bytes = read(record);
  if (!bytes) return tl::unexpected(bytes.error());
  for (std::size_t part = 0; part < into.size(); ++part) {
    GASM_ASSERT(into[part].size() == bytes->parts[part].size());
    if (into[part].empty()) continue;
    std::memcpy(into[part].data(), bytes->parts[part].data(),
                into[part].size());
  }
  return {};
}

}  // namespace gasm
