// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <deque>
#include <new>
#include <utility>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/base/large_memory.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/comm/message_batch.hpp"
#include "gasm/data/ahead_readers.hpp"
#include "gasm/data/arrivals.hpp"
#include "gasm/store/record_slab.hpp"

namespace gasm {
namespace {

/// Steps between posting messages and waiting for them.
constexpr std::int64_t kStepsUnderWay = 2;

class ExchangeReader : public RecordReader {
 public:
  ExchangeReader(Communicator const& world, RecordFile const& file,
                 AheadOptions options);
  ~ExchangeReader() override;
  ExchangeReader(ExchangeReader const&) = delete;
  ExchangeReader& operator=(ExchangeReader const&) = delete;
  Result<RecordBytes> read(std::int64_t record) override;
  void begin_step(std::int64_t step) override;
  void close() override;

 private:
  /// The messages of one step.
  struct Transfer {
    std::int64_t step;
    MessageBatch messages;
    std::shared_ptr<std::byte[]> memory;  ///< of what this rank receives
    std::vector<std::int64_t> records;    ///< that it needs, in order
    std::vector<RecordBytes> bytes;       ///< of each
  };

  bool is_own(std::int64_t record) const {
    return slab_.first() <= record && record < slab_.last();
  }
  int owner_of(std::int64_t record) const;
  void post(std::int64_t step);
  void finish(Transfer& transfer);
  /// Receives all parts of a record at `into`, which then moves on.
  RecordBytes receive(std::int64_t record, Transfer& transfer,
                      std::byte*& into);

  RecordFile const& file_;
  AheadOptions options_;
  std::int64_t steps_ahead_;
  Communicator comm_;
  LargeMemory memory_;
  RecordSlab slab_;
  ChangedRecords changed_;
  Arrivals arrivals_;
  std::deque<Transfer> under_way_;
  std::int64_t next_step_ = -1;  ///< to be posted; < 0: before the first
};

ExchangeReader::ExchangeReader(Communicator const& world,
                               RecordFile const& file, AheadOptions options)
    : file_(file),
      options_(std::move(options)),
      // A step may hold a single micro-batch of this rank.
      steps_ahead_(options_.depth + 1),
      comm_(world.duplicate()) {
  auto const share =
      record_share(file.num_records(), world.rank(), world.size());
  auto const size = num_record_bytes(file, share.first, share.last);
  auto node = world.node_local();
  auto const ranks_here = node.size();
  node.close();
  auto const own = agree_call(world, [&] {
    memory_ = allocate_large(size);
    slab_ = RecordSlab(file, share.first, share.last, {memory_.get(), size});
    return value_or_throw(slab_.fill(0, 1, num_fill_threads(ranks_here)));
  });
  changed_ = gather_changed(world, own);
}

// Not closed: the run is failing. Messages may still read and write what is
// theirs, and the message about the failure must come out first.
ExchangeReader::~ExchangeReader() {
  if (under_way_.empty()) return;
  (void)memory_.release();
  (void)new (std::nothrow) std::deque<Transfer>(std::move(under_way_));
}

int ExchangeReader::owner_of(std::int64_t record) const {
  auto const num = file_.num_records();
  // The inverse of record_share, up to its rounding.
  auto owner = static_cast<int>(record * comm_.size() / num);
  while (record >= record_share(num, owner, comm_.size()).last) ++owner;
  return owner;
}

Result<RecordBytes> ExchangeReader::read(std::int64_t record) {
  // What the plan gives has arrived before anybody asks for it. A substitute
  // for a bad clip may be on its way for a later step: waiting for that would
  // keep the trainer from ever getting there.
  auto const arrived = arrivals_.take_if_there(record);
  if (auto const found = changed_.find(record); found != changed_.end())
    return failure("{}", found->second);
  if (arrived) return *arrived;
  return is_own(record) ? slab_.bytes(record) : read_record(file_, record);
}

void ExchangeReader::begin_step(std::int64_t step) {
  if (next_step_ < 0) next_step_ = step;
  auto const end =
      std::min(options_.total_steps, step + steps_ahead_ + kStepsUnderWay + 1);
  while (next_step_ < end) post(next_step_++);
  while (!under_way_.empty() &&
         under_way_.front().step <= step + steps_ahead_) {
    finish(under_way_.front());
    under_way_.pop_front();
  }
}

// All ranks go through the same records in the same order, so that what two
// of them send each other needs no name.
void ExchangeReader::post(std::int64_t step) {
  Transfer transfer{step, MessageBatch(comm_), {}, {}, {}};
  auto const plan = options_.plan.at(step);
  auto const order = options_.plan.epoch_order(plan.epoch);
  std::uint64_t num_bytes = 0;
  std::vector<std::pair<std::int64_t, int>> needs;  // record, by whom
  for (int rank = 0; rank < comm_.size(); ++rank) {
    auto const own = rank_range(plan.num_micro, rank, comm_.size());
    for (auto index = own.begin; index < own.end; ++index) {
      auto const slice =
          micro_batch_slice(plan.num_samples(), plan.num_micro, index);
      for (auto i = slice.begin; i < slice.end; ++i) {
        auto const sample = order.sample_at(plan.positions.begin + i);
        auto const record = options_.record_of
                                ? options_.record_of(plan.epoch, sample)
                                : sample;
        needs.emplace_back(record, rank);
        if (rank == comm_.rank() && !is_own(record))
          num_bytes += num_record_bytes(file_, record, record + 1);
      }
    }
  }
  transfer.memory = allocate_large(num_bytes);
  auto* into = transfer.memory.get();
  for (auto const& [record, rank] : needs) {
    if (rank == comm_.rank()) {
      transfer.records.push_back(record);
      arrivals_.expect(record);
      transfer.bytes.push_back(is_own(record)
                                   ? slab_.bytes(record)
                                   : receive(record, transfer, into));
    } else if (is_own(record)) {
      auto const bytes = slab_.bytes(record);
      for (std::size_t part = 0; part < file_.num_parts(); ++part)
        transfer.messages.send(bytes.parts[part], rank);
    }
  }
  under_way_.push_back(std::move(transfer));
}

RecordBytes ExchangeReader::receive(std::int64_t record, Transfer& transfer,
                                    std::byte*& into) {
  RecordBytes bytes;
  for (std::size_t part = 0; part < file_.num_parts(); ++part) {
    std::span const here(into, file_.range(record, part).size);
    transfer.messages.receive(here, owner_of(record));
    bytes.parts[part] = here;
    into += here.size();
  }
  bytes.owner = transfer.memory;
  return bytes;
}

void ExchangeReader::finish(Transfer& transfer) {
  transfer.messages.wait();
  for (std::size_t i = 0; i < transfer.records.size(); ++i)
    arrivals_.bring(transfer.records[i], transfer.bytes[i]);
}

void ExchangeReader::close() {
  for (auto& transfer : under_way_) transfer.messages.wait();
  under_way_.clear();
  arrivals_.stop();
  comm_.close();
}

}  // namespace

std::unique_ptr<RecordReader> make_exchange_reader(Communicator const& world,
                                                   RecordFile const& file,
                                                   AheadOptions options) {
  return std::make_unique<ExchangeReader>(world, file, std::move(options));
}

}  // namespace gasm
