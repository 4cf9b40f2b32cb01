// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/record_reader.hpp"

namespace gasm {
namespace {

class DirectReader : public RecordReader {
 public:
  explicit DirectReader(RecordFile const& file) : file_(file) {}
  Result<RecordBytes> read(std::int64_t record) override {
    return read_record(file_, record);
  }
  Result<void> read_into(std::int64_t record,
                         RecordPlaces const& into) override {
    return read_record_into(file_, record, into);
  }

 private:
  RecordFile const& file_;
};

}  // namespace

std::unique_ptr<RecordReader> make_direct_reader(RecordFile const& file) {
  return std::make_unique<DirectReader>(file);
}

}  // namespace gasm
