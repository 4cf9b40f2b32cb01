// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <string>

#include "gasm/base/result.hpp"
#include "gasm/store/record_slab.hpp"

namespace gasm {

class FeatureStore;
class RecordReader;
struct MicroBatch;

/// All features of a store on one torch device: read once, and batches are
/// gathered where they are used, without the host's memory or the way from it.
/// Values keep the file's type. Not collective: each rank fills the table of
/// its own device.
class FeatureTable {
 public:
  /// Reads every record through `reader`, of that store. A record that cannot
  /// be used fails when it is asked for. Throws Error if the features need
  /// more than half of what the device has free (as the store modes keep half
  /// of a machine's memory), and whatever stops reading altogether.
  FeatureTable(FeatureStore const& store, RecordReader& reader,
               at::Device device);

  /// Fails, as the reader did, for a record that could not be used.
  Result<void> check(std::int64_t record) const;

  /// batch.semantic and batch.motion [n, S, L, D] of `records`, in their
  /// order, on the table's device. Thread-safe.
  void gather(std::span<std::int64_t const> records, MicroBatch& batch) const;

  at::Device device() const { return device_; }
  std::uint64_t num_bytes() const;

 private:
  at::Device device_;
  at::Tensor semantic_;  // [N * V, S, L, D], undefined where there is none
  at::Tensor motion_;
  ChangedRecords changed_;
};

/// What `device` has free. Throws a usage error for a device that is not there.
std::uint64_t free_bytes(at::Device device);

/// Throws Error if needed_bytes are more than half of what is free.
void check_fits_device(std::uint64_t needed_bytes, std::uint64_t free_bytes,
                       at::Device device, std::string const& path);

}  // namespace gasm
