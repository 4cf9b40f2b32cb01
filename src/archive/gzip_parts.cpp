// SPDX-License-Identifier: Apache-2.0
#include "gasm/archive/gzip_parts.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "inflater.hpp"
#include "part_file.hpp"

namespace gasm {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
/// Nearer than this to where two parts meet, the joint itself is suspected:
/// deflate notices foreign bytes within a block of 64 KiB, as a rule.
constexpr std::uint64_t kJointBytes = std::uint64_t{1} << 22;
/// Fewer bytes without a fault prove nothing: they may lie in one block that
/// is stored as it is.
constexpr std::uint64_t kProofBytes = std::uint64_t{1} << 17;

}  // namespace

struct GzipParts::State {
  ArchiveParts parts;
  GzipLimits limits;
  std::size_t index = 0;  // of the part being read
  std::optional<PartFile> file;
  std::vector<std::byte> block{kBlockBytes};
  std::span<std::byte const> input;  // of the block, not yet unpacked
  std::uint64_t part_bytes = 0;      // read of the current part
  std::uint64_t read_bytes = 0;
  std::uint64_t made_bytes = 0;
  Inflater inflater;
  std::optional<Inflater> at_joint;  // as it was where this part begins
  bool between_streams = false;
  bool ended_at_joint = false;
  std::optional<Error> failed;

  ArchivePart const& part() const { return parts.parts[index]; }
  std::uint64_t place() const { return part_bytes - input.size(); }

  /// The next bytes of the parts into `input`; leaves it empty at the end.
  Result<void> refill() {
    while (input.empty() && index < parts.parts.size()) {
      if (!file) {
        auto opened = PartFile::open(part().path);
        if (!opened) return tl::unexpected(opened.error());
        file = std::move(*opened);
        part_bytes = 0;
        at_joint = inflater;
        ended_at_joint = between_streams;
      }
      auto const num = file->read(block);
      if (!num) return tl::unexpected(num.error());
      input = std::span(block).first(*num);
      part_bytes += *num;
      read_bytes += *num;
      if (!input.empty()) return {};
      if (index + 1 == parts.parts.size()) return {};
      file.reset();
      ++index;
    }
    return {};
  }

  Result<void> check_bomb() const {
    auto const most = limits.bomb_free_bytes + limits.max_ratio * read_bytes;
    if (made_bytes <= most) return {};
    return failure(
        "{} unpacks to more than {} times its size (limit max_ratio): a "
        "decompression bomb, refused",
        part().name(), limits.max_ratio);
  }

  Error too_short() const {
    auto const& last = parts.parts.back();
    bool const is_split = parts.parts.size() > 1 || last.name() != parts.stem;
    if (!is_split)
      return error("{} ends early (truncated). Try to fetch it again",
                   last.name());
    return error(
        "the archive does not end with {} ({} bytes): it is truncated, or "
        "parts after it are missing. Try to fetch it again, and then {}-{:02} "
        "if there is one",
        last.name(), last.num_bytes, parts.stem, last.number + 1);
  }

  /// Every block made sense, so that no place is more suspect than others.
  Error wrong_checksum() const {
    return error(
        "the checksum at the end of {} is wrong: bytes changed somewhere from "
        "{} on. Try to compare the parts' sizes with the publisher's, and to "
        "fetch them again",
        part().name(), parts.parts.front().name());
  }

  bool continues_well(std::size_t candidate) const;
  std::string blame_joint() const;
  std::string blame() const;
  Result<std::size_t> fill(std::span<std::byte> out);
};

/// Can the bytes of another part follow the part before this one?
bool GzipParts::State::continues_well(std::size_t candidate) const {
  auto opened = PartFile::open(parts.parts[candidate].path);
  if (!opened) return false;
  Inflater trial = *at_joint;
  std::vector<std::byte> in(std::size_t{1} << 16);
  std::vector<std::byte> out(std::size_t{1} << 16);
  for (std::uint64_t done = 0; done < kJointBytes;) {
    auto const num = opened->read(in);
    if (!num || *num == 0) return num.has_value() && done >= kProofBytes;
    done += *num;
    std::span<std::byte const> left = std::span(in).first(*num);
    for (auto step = Inflater::Step(); !left.empty(); left = step.rest) {
      step = trial.run(left, out);
      if (step.outcome == Inflater::Outcome::damaged ||
          step.outcome == Inflater::Outcome::wrong_checksum)
        return false;
      if (step.outcome == Inflater::Outcome::stream_end) return true;
    }
  }
  return true;
}

std::string GzipParts::State::blame_joint() const {
  auto const& before = parts.parts[index - 1];
  if (ended_at_joint)
    return fmt::format(
        "the archive ends with {}; {} belongs to another one. Try to move it "
        "away",
        before.name(), part().name());
  if (starts_like_gzip(part().path))
    return fmt::format(
        "{} begins another archive (it has a gzip header of its own). Try to "
        "fetch {} again",
        part().name(), part().name());
  for (std::size_t i = 1; i < parts.parts.size(); ++i)
    if (i != index && i + 1 != index && continues_well(i))
      return fmt::format(
          "{} goes on with {}, not with {} (misnamed, or in the wrong order). "
          "Try to rename them, or fetch both again",
          before.name(), parts.parts[i].name(), part().name());
  return fmt::format(
      "{} does not go on with {}: {} ({} bytes) is truncated, or {} belongs "
      "to another archive. Try to fetch {} again, then {}",
      before.name(), part().name(), before.name(), before.num_bytes,
      part().name(), before.name(), part().name());
}

std::string GzipParts::State::blame() const {
  auto const at = fmt::format("at byte {} of {}", place(), part().name());
  if (index > 0 && place() < kJointBytes)
    return fmt::format("{}: {}", at, blame_joint());
  return fmt::format("{}. Try to fetch {} again", at, part().name());
}

Result<std::size_t> GzipParts::State::fill(std::span<std::byte> out) {
  for (;;) {
    if (auto done = refill(); !done) return tl::unexpected(done.error());
    if (input.empty() && between_streams) return 0;
    if (input.empty()) return tl::unexpected(too_short());
    if (between_streams) {
      // As gzip: zeros may fill up the last block of a tape.
      auto const rest = std::ranges::find_if(
          input, [](std::byte b) { return b != std::byte{0}; });
      input = {rest, input.end()};
      if (input.empty()) continue;
      between_streams = false;
      inflater.restart();
    }
    auto const step = inflater.run(input, out);
    input = step.rest;
    made_bytes += step.num_out;
    if (step.outcome == Inflater::Outcome::wrong_checksum)
      return tl::unexpected(wrong_checksum());
    if (step.outcome == Inflater::Outcome::damaged)
      return failure("damaged ({}) {}", step.reason, blame());
    between_streams = step.outcome == Inflater::Outcome::stream_end;
    if (auto done = check_bomb(); !done) return tl::unexpected(done.error());
    if (step.num_out > 0) return step.num_out;
  }
}

GzipParts::GzipParts(ArchiveParts parts, GzipLimits const& limits)
    : state_(std::make_unique<State>()) {
  GASM_ASSERT(!parts.parts.empty());
  state_->parts = std::move(parts);
  state_->limits = limits;
}
GzipParts::~GzipParts() = default;
GzipParts::GzipParts(GzipParts&&) noexcept = default;
GzipParts& GzipParts::operator=(GzipParts&&) noexcept = default;

Result<std::size_t> GzipParts::read(std::span<std::byte> out) {
  GASM_ASSERT(!out.empty());
  if (state_->failed) return tl::unexpected(*state_->failed);
  auto num = state_->fill(out);
  if (!num) state_->failed = num.error();
  return num;
}

std::uint64_t GzipParts::num_read_bytes() const { return state_->read_bytes; }
std::uint64_t GzipParts::num_bytes() const { return state_->made_bytes; }
std::string GzipParts::blame() const { return state_->blame(); }

}  // namespace gasm
