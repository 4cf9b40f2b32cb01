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
  std::size_t begin = 0;
  for (std::size_t part = 0; part < file.num_parts(); ++part) {
    auto const range = file.range(record, part);
    std::span const into(memory.get() + begin, range.size);
    if (auto done = file.file().read(range.start, into); !done)
      return tl::unexpected(done.error());
    bytes.parts[part] = into;
    begin += range.size;
  }
  bytes.owner = memory;
  if (auto done = file.check(record, bytes); !done)
    return tl::unexpected(done.error());
  return bytes;
}

}  // namespace gasm
