// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "gasm/base/result.hpp"

namespace gasm {

/// Writes a tar archive (ustar) whose bytes depend on names and contents
/// alone: no times, owners 0, mode 0644. A file that was not closed is
/// unfinished; removing it is the caller's.
class TarWriter {
 public:
  static Result<TarWriter> create(std::filesystem::path const& path);
  ~TarWriter();
  TarWriter(TarWriter&&) noexcept;
  TarWriter& operator=(TarWriter&&) noexcept;

  /// Adds a file. Fails for a name that ustar cannot hold (over 100 bytes).
  Result<void> add(std::string const& name, std::span<std::byte const> bytes);
  /// Writes the end and flushes the file to the disk.
  Result<void> close();

 private:
  struct State;
  explicit TarWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gasm
