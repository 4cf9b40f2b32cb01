// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <string>

#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/comm/shared_memory.hpp"
#include "gasm/store/record_reader.hpp"
#include "gasm/store/record_slab.hpp"

namespace gasm {
namespace {

class ResidentReader : public RecordReader {
 public:
  ResidentReader(Communicator const& world, RecordFile const& file);
  Result<RecordBytes> read(std::int64_t record) override {
    if (auto const found = changed_.find(record); found != changed_.end())
      return failure("{}", found->second);
    return slab_.bytes(record);
  }
  void close() override {
    memory_.close();
    node_.close();
  }

 private:
  Communicator node_;
  SharedMemory memory_;
  RecordSlab slab_;
  ChangedRecords changed_;
};

ResidentReader::ResidentReader(Communicator const& world,
                               RecordFile const& file)
    : node_(world.node_local()) {
  auto const total = num_record_bytes(file, 0, file.num_records());
  // One machine may have the memory and another not: all ranks must learn.
  agree_ok(world, caught([&] { memory_ = SharedMemory(node_, total); }));
  slab_ = RecordSlab(file, 0, file.num_records(), memory_.bytes());
  auto const own = agree(world, slab_.fill(node_.rank(), node_.size(),
                                           num_fill_threads(node_.size())));
  memory_.sync(node_);
  changed_ = gather_changed(world, own);
}

}  // namespace

std::unique_ptr<RecordReader> make_resident_reader(Communicator const& world,
                                                   RecordFile const& file) {
  return std::make_unique<ResidentReader>(world, file);
}

}  // namespace gasm
