// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/record_file.hpp"

namespace gasm {

ByteRange part_range(RecordFile const& file, std::size_t part) {
  auto const start = file.range(0, part).start;
  return {start, file.range(file.num_records() - 1, part).end() - start};
}

std::uint64_t num_record_bytes(RecordFile const& file, std::int64_t first,
                               std::int64_t last) {
  if (first == last) return 0;
  std::uint64_t total = 0;
  for (std::size_t part = 0; part < file.num_parts(); ++part)
    total += file.range(last - 1, part).end() - file.range(first, part).start;
  return total;
}

Result<RecordBytes> read_record(RecordFile const& file, std::int64_t record) {
  RecordBytes bytes;
  auto const total = num_record_bytes(file, record, record + 1);
  // Not value-initialised: every byte is about to be read.
  std::shared_ptr<std::byte[]> const memory(new std::byte[total]);
  RecordPlaces places;
  std::size_t begin = 0;
  for (std::size_t part = 0; part < file.num_parts(); ++part) {
    auto const size = file.range(record, part).size;
    places[part] = {memory.get() + begin, size};
    bytes.parts[part] = places[part];
    begin += size;
  }
  bytes.owner = memory;
  if (auto done = read_record_into(file, record, places); !done)
    return tl::unexpected(done.error());
  return bytes;
}

Result<void> read_record_into(RecordFile const& file, std::int64_t record,
                              RecordPlaces const& into) {
  RecordBytes bytes;
  for (std::size_t part = 0; part < file.num_parts(); ++part) {
    auto const range = file.range(record, part);
    GASM_ASSERT(into[part].size() == range.size);
    if (auto done = file.file().read(range.start, into[part]); !done)
      return done;
    bytes.parts[part] = into[part];
  }
  return file.check(record, bytes);
}

}  // namespace gasm
