// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/feature_table.hpp"

#include <ATen/DeviceAccelerator.h>

#include <algorithm>

#include "feature_rows.hpp"
#include "gasm/base/error.hpp"
#include "gasm/data/micro_batch.hpp"
#include "gasm/data/store_choice.hpp"
#include "gasm/store/feature_store.hpp"
#include "gasm/store/record_reader.hpp"

namespace gasm {
namespace {

/// On the host at a time, on the way to the device.
constexpr std::size_t kPieceBytes = std::size_t{32} << 20;

double gb(std::uint64_t num_bytes) {
  return static_cast<double>(num_bytes) * 1e-9;
}

at::Tensor table_of(std::int64_t num_records, FeatureStoreContents const& all,
                    std::optional<FeatureStream> const& stream,
                    at::Device device) {
  if (!stream) return {};
  return at::empty(
      row_sizes(num_records, stream->shape),
      at::TensorOptions().dtype(tensor_type(all.type)).device(device));
}

void copy_rows(at::Tensor const& rows, at::Tensor const& table,
               std::int64_t first, std::int64_t num) {
  if (!table.defined()) return;
  table.narrow(0, first, num).copy_(rows.narrow(0, 0, num));
}

}  // namespace

FeatureTable::FeatureTable(FeatureStore const& store, RecordReader& reader,
                           at::Device device)
    : device_(device) {
  check_fits_device(total_record_bytes(store), free_bytes(device), device,
                    store.path().string());
  auto const& contents = store.contents();
  auto const num_records = store.num_records();
  semantic_ = table_of(num_records, contents, contents.semantic, device);
  motion_ = table_of(num_records, contents, contents.motion, device);
  auto const record_bytes = contents.semantic_bytes() + contents.motion_bytes();
  auto const piece = std::clamp<std::int64_t>(
      static_cast<std::int64_t>(kPieceBytes / record_bytes), 1,
      std::max<std::int64_t>(num_records, 1));
  HostRows rows(contents, piece);
  for (std::int64_t first = 0; first < num_records; first += piece) {
    auto const num = std::min(piece, num_records - first);
    for (std::int64_t row = 0; row < num; ++row)
      if (auto done = reader.read_into(first + row, rows.places(row)); !done)
        changed_.emplace(first + row, done.error().what());
    copy_rows(rows.semantic(), semantic_, first, num);
    copy_rows(rows.motion(), motion_, first, num);
  }
}

Result<void> FeatureTable::check(std::int64_t record) const {
  auto const found = changed_.find(record);
  if (found != changed_.end()) return failure("{}", found->second);
  return {};
}

void FeatureTable::gather(std::span<std::int64_t const> records,
                          MicroBatch& batch) const {
  auto const index =
      at::tensor(at::ArrayRef(records.data(), records.size()), at::kLong)
          .to(device_);
  if (semantic_.defined()) batch.semantic = semantic_.index_select(0, index);
  if (motion_.defined()) batch.motion = motion_.index_select(0, index);
}

std::uint64_t FeatureTable::num_bytes() const {
  std::uint64_t sum = 0;
  for (auto const& table : {semantic_, motion_})
    if (table.defined()) sum += table.nbytes();
  return sum;
}

void check_fits_device(std::uint64_t needed_bytes, std::uint64_t free_bytes,
                       at::Device device, std::string const& path) {
  if (needed_bytes <= free_bytes / 2) return;
  throw error(
      "cannot keep the {:.2f} GB of {} on {} (half of its {:.2f} GB free may "
      "be "
      "used). Try another device, or a store mode of the host",
      gb(needed_bytes), path, device.str(), gb(free_bytes));
}

std::uint64_t free_bytes(at::Device device) {
  if (device.is_cpu()) return free_memory_bytes();
  if (!device.is_cuda() || !torch::cuda::is_available() ||
      device.index() >= static_cast<int>(torch::cuda::device_count()))
    throw usage_error("there is no device {} ({} CUDA devices). Try cpu",
                      device.str(), torch::cuda::device_count());
  auto const index = std::max<at::DeviceIndex>(device.index(), 0);
  return at::accelerator::getMemoryInfo(index).first;
}

}  // namespace gasm
