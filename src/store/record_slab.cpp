// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/record_slab.hpp"

#include <algorithm>
#include <sstream>
#include <system_error>
#include <thread>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"

namespace gasm {
namespace {

/// Read at once and then checked: large enough for disks that stripe, small
/// enough to be checked while it is in the cache.
constexpr std::uint64_t kPieceBytes = 4 << 20;

}  // namespace

RecordRange record_share(std::int64_t num_records, int index, int num_shares) {
  return {num_records * index / num_shares,
          num_records * (index + 1) / num_shares};
}

RecordSlab::RecordSlab(RecordFile const& file, std::int64_t first,
                       std::int64_t last, std::span<std::byte> memory)
    : file_(&file), first_(first), last_(last) {
  GASM_ASSERT(memory.size() == num_record_bytes(file, first, last));
  if (first == last) return;
  std::size_t begin = 0;
  for (std::size_t part = 0; part < file.num_parts(); ++part) {
    starts_[part] = file.range(first, part).start;
    auto const size = file.range(last - 1, part).end() - starts_[part];
    parts_[part] = memory.subspan(begin, size);
    begin += size;
  }
}

Result<ChangedRecords> RecordSlab::fill_share(int index, int num_shares) const {
  ChangedRecords changed;
  auto const share = record_share(last_ - first_, index, num_shares);
  auto const end = first_ + share.last;
  auto record = first_ + share.first;
  while (record < end) {
    auto next = record + 1;
    while (next < end &&
           num_record_bytes(*file_, record, next + 1) <= kPieceBytes)
      ++next;
    for (std::size_t part = 0; part < file_->num_parts(); ++part) {
      auto const start = file_->range(record, part).start;
      auto const size = file_->range(next - 1, part).end() - start;
      auto done = file_->file().read(
          start, parts_[part].subspan(start - starts_[part], size));
      if (!done) return tl::unexpected(done.error());
    }
    for (; record < next; ++record)
      if (auto done = file_->check(record, bytes(record)); !done)
        changed.emplace(record, done.error().what());
  }
  return changed;
}

Result<ChangedRecords> RecordSlab::fill(int index, int num_shares,
                                        int num_threads) {
  std::vector<Result<ChangedRecords>> found(
      static_cast<std::size_t>(num_threads));
  auto const fill_part = [&](int part) {
    found[static_cast<std::size_t>(part)] = caught([&] {
      return value_or_throw(
          fill_share(index * num_threads + part, num_shares * num_threads));
    });
  };
  {
    std::vector<std::jthread> others;
    // A thread that the system refuses leaves its part to this one.
    int num_others = 0;
    try {
      for (; num_others + 1 < num_threads; ++num_others)
        others.emplace_back(fill_part, num_others);
    } catch (std::system_error const&) {
    }
    for (int part = num_others; part < num_threads; ++part) fill_part(part);
  }
  ChangedRecords all;
  for (auto& part : found) {
    if (!part) return part;
    all.merge(*part);
  }
  return all;
}

int num_fill_threads(int ranks_here) {
  auto const num_cores = static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(num_cores / ranks_here, 1, 8);
}

RecordBytes RecordSlab::bytes(std::int64_t record) const {
  GASM_ASSERT(first_ <= record && record < last_);
  RecordBytes found;
  for (std::size_t part = 0; part < file_->num_parts(); ++part) {
    auto const range = file_->range(record, part);
    found.parts[part] =
        parts_[part].subspan(range.start - starts_[part], range.size);
  }
  return found;
}

ChangedRecords gather_changed(Communicator const& world,
                              ChangedRecords const& own) {
  std::string text;
  for (auto const& [record, why] : own)
    text += fmt::format("{}\t{}\n", record, why);
  ChangedRecords all;
  for (auto const& each : world.all_gather_strings(text)) {
    std::istringstream lines(each);
    std::int64_t record = 0;
    std::string why;
    while (lines >> record && lines.ignore() && std::getline(lines, why))
      all.emplace(record, why);
  }
  return all;
}

}  // namespace gasm
