// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gasm/store/record_file.hpp"

namespace gasm {

/// A file of labelled samples: clips (clip_store.hpp) or what backbones made
/// of them (feature_store.hpp).
class SampleStore : public RecordFile {
 public:
  /// Number of samples, at least 1.
  virtual std::int64_t size() const = 0;
  /// 0 <= i < size() (asserted).
  virtual std::string const& id(std::int64_t i) const = 0;
  /// Class index; -1: the class is not known.
  virtual std::int64_t label(std::int64_t i) const = 0;
  /// Label k is called classes()[k].
  virtual std::vector<std::string> const& classes() const = 0;
  virtual std::string const& split() const = 0;
  /// The name of the data in manifests.
  virtual std::uint64_t data_hash() const = 0;

  std::filesystem::path const& path() const { return file().path(); }

 protected:
  SampleStore() = default;
  SampleStore(SampleStore&&) = default;
  SampleStore& operator=(SampleStore&&) = default;
};

/// Bytes of all records.
inline std::uint64_t total_record_bytes(RecordFile const& file) {
  return num_record_bytes(file, 0, file.num_records());
}

}  // namespace gasm
