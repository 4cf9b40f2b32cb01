// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"

namespace gasm {

enum class MemberKind {
  file,
  folder,
  other,  ///< a link, a device, a pipe
};

/// What a tar archive says of one of its members. Nothing in it is believed:
/// the name may be absolute, lead upwards or not be UTF-8.
struct TarMember {
  std::string name;
  MemberKind kind = MemberKind::file;
  std::uint64_t num_bytes = 0;
  /// Where its bytes begin in the tar stream; in one piece unless is_sparse.
  std::uint64_t offset = 0;
  bool is_sparse = false;
};

/// Fills the front of its argument, 0: the end.
using ByteSource = std::function<Result<std::size_t>(std::span<std::byte>)>;

/// Reads a tar archive (ustar, pax, GNU) once from front to back. Writes no
/// file: what becomes of a member is the caller's to decide.
class TarReader {
 public:
  /// From bytes that come one after the other.
  static TarReader of(ByteSource source);
  /// From a file, passing over what is not read. Compressed ones are refused.
  static Result<TarReader> open(std::filesystem::path const& path);
  ~TarReader();
  TarReader(TarReader&&) noexcept;
  TarReader& operator=(TarReader&&) noexcept;

  /// The next member, none after the last. Fails on a damaged header and, with
  /// its error, if the source fails.
  Result<std::optional<TarMember>> next();
  /// The bytes of the member that next() gave, once. Fails if there are more
  /// than `max_bytes`.
  Result<std::vector<std::byte>> read(std::uint64_t max_bytes);

 private:
  struct State;
  explicit TarReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gasm
