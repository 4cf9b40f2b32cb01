// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gasm/base/background.hpp"
#include "gasm/base/error.hpp"
#include "gasm/base/large_memory.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/data/ahead_readers.hpp"
#include "gasm/data/arrivals.hpp"

namespace gasm {
namespace {

/// Ranges with a smaller gap between them are read as one.
constexpr std::uint64_t kMaxGapBytes = 128 << 10;

/// Consecutive bytes of the file, and where they go.
struct Run {
  ByteRange range;
  std::byte* into = nullptr;
};

/// Where a part of a record lies.
struct Place {
  ByteRange range;
  std::size_t record;  ///< index in the list
  std::size_t part;
};

/// Every part of every record, in the order of the file.
std::vector<Place> places_of(RecordFile const& file,
                             std::vector<std::int64_t> const& records) {
  std::vector<Place> places;
  for (std::size_t i = 0; i < records.size(); ++i)
    for (std::size_t part = 0; part < file.num_parts(); ++part)
      places.push_back({file.range(records[i], part), i, part});
  std::ranges::sort(places, {}, [](Place const& p) { return p.range.start; });
  return places;
}

std::vector<Run> runs_of(std::vector<Place> const& places) {
  std::vector<Run> runs;
  for (auto const& [range, record, part] : places) {
    if (runs.empty() || range.start > runs.back().range.end() + kMaxGapBytes) {
      runs.push_back({range});
      continue;
    }
    auto& run = runs.back().range;
    run.size = std::max(run.end(), range.end()) - run.start;
  }
  return runs;
}

/// All of `records` in few large reads. Throws Error.
std::vector<RecordBytes> read_window(RecordFile const& file,
                                     std::vector<std::int64_t> const& records) {
  auto const places = places_of(file, records);
  auto runs = runs_of(places);
  std::uint64_t total = 0;
  for (auto const& run : runs) total += run.range.size;
  std::shared_ptr<std::byte[]> const memory(allocate_large(total));
  auto* into = memory.get();
  for (auto& run : runs) {
    run.into = into;
    into += run.range.size;
    value_or_throw(
        file.file().read(run.range.start, {run.into, run.range.size}));
  }
  std::vector<RecordBytes> read(records.size());
  auto run = runs.begin();
  for (auto const& [range, record, part] : places) {
    while (range.end() > run->range.end()) ++run;
    read[record].parts[part] = {run->into + (range.start - run->range.start),
                                range.size};
    read[record].owner = memory;
  }
  return read;
}

class StreamReader : public RecordReader {
 public:
  StreamReader(RecordFile const& file, AheadOptions options, std::int64_t rank,
               std::int64_t num_ranks)
      : file_(file),
        options_(std::move(options)),
        rank_(rank),
        num_ranks_(num_ranks) {}
  ~StreamReader() override { arrivals_.stop(); }
  StreamReader(StreamReader const&) = delete;
  StreamReader& operator=(StreamReader const&) = delete;

  Result<RecordBytes> read(std::int64_t record) override {
    if (auto const arrived = arrivals_.take(record)) return *arrived;
    return read_record(file_, record);
  }
  void begin_step(std::int64_t step) override;

 private:
  using Window = std::vector<std::int64_t>;

  std::optional<Window> next_window();
  void announce(std::optional<Window> const& window) {
    if (!window) return;
    for (auto record : *window) arrivals_.expect(record);
  }
  void run(std::optional<Window> const& first,
           std::optional<Window> const& second);
  void bring(Window const& window);

  RecordFile const& file_;
  AheadOptions options_;
  std::int64_t rank_;
  std::int64_t num_ranks_;
  std::optional<RankCursor> cursor_;
  std::optional<MicroBatchPlan> pending_;  ///< read from cursor_, not used up
  std::size_t pending_used_ = 0;
  Arrivals arrivals_;
  std::jthread thread_;
};

void StreamReader::begin_step(std::int64_t step) {
  if (cursor_) return;
  cursor_.emplace(options_.plan, Slice{step, options_.total_steps}, rank_,
                  num_ranks_);
  pending_ = cursor_->next();
  // Known before anybody asks, so that asking waits and does not read.
  auto first = next_window();
  auto second = next_window();
  announce(first);
  announce(second);
  thread_ = std::jthread([this, first = std::move(first),
                          second = std::move(second)] { run(first, second); });
}

/// This rank's records of the next window in which it has any.
std::optional<StreamReader::Window> StreamReader::next_window() {
  Window window;
  std::int64_t epoch = 0;
  std::int64_t number = 0;
  while (pending_) {
    auto const order = options_.plan.epoch_order(pending_->epoch);
    for (; pending_used_ < pending_->samples.size(); ++pending_used_) {
      auto const position =
          pending_->positions.begin + static_cast<std::int64_t>(pending_used_);
      auto const here = order.window_of(position);
      if (window.empty()) {
        epoch = pending_->epoch;
        number = here;
      } else if (epoch != pending_->epoch || number != here) {
        return window;
      }
      auto const sample = pending_->samples[pending_used_];
      window.push_back(options_.record_of
                           ? options_.record_of(pending_->epoch, sample)
                           : sample);
    }
    pending_ = cursor_->next();
    pending_used_ = 0;
  }
  if (window.empty()) return std::nullopt;
  return window;
}

void StreamReader::run(std::optional<Window> const& first,
                       std::optional<Window> const& second) {
  give_way_to_other_threads();
  if (first) bring(*first);
  if (!second) return;
  bring(*second);
  auto last_size = second->size();
  // One window beside the one that is being used up. The next is announced no
  // earlier: a substitute for a bad clip that lies in it would be waited for,
  // and keep the one before from being used up.
  while (arrivals_.wait_for_room(static_cast<std::int64_t>(last_size))) {
    auto const window = next_window();
    if (!window) return;
    announce(window);
    bring(*window);
    last_size = window->size();
  }
}

void StreamReader::bring(Window const& window) {
  auto const read = caught([&] { return read_window(file_, window); });
  for (std::size_t i = 0; i < window.size(); ++i) {
    if (!read) {
      arrivals_.bring(window[i], tl::unexpected(read.error()));
      continue;
    }
    auto const checked = file_.check(window[i], (*read)[i]);
    if (checked)
      arrivals_.bring(window[i], (*read)[i]);
    else
      arrivals_.bring(window[i], tl::unexpected(checked.error()));
  }
}

}  // namespace

std::unique_ptr<RecordReader> make_stream_reader(RecordFile const& file,
                                                 AheadOptions options,
                                                 std::int64_t rank,
                                                 std::int64_t num_ranks) {
  return std::make_unique<StreamReader>(file, std::move(options), rank,
                                        num_ranks);
}

}  // namespace gasm
