// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/record_reader.hpp"

#include <algorithm>

#include "gasm/base/error.hpp"

namespace gasm {

Result<void> RecordReader::read_into(std::int64_t record,
                                     RecordPlaces const& into) {
  auto const bytes = read(record);
  if (!bytes) return tl::unexpected(bytes.error());
  for (std::size_t part = 0; part < into.size(); ++part) {
    GASM_ASSERT(into[part].size() == bytes->parts[part].size());
    std::ranges::copy(bytes->parts[part], into[part].begin());
  }
  return {};
}

}  // namespace gasm
