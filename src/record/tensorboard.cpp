// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/tensorboard.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <boost/crc.hpp>
#include <charconv>
#include <system_error>

#include "gasm/base/clock.hpp"
#include "gasm/base/host_name.hpp"
#include "proto_writer.hpp"

namespace gasm {
namespace {

using record_detail::ProtoWriter;

void append_little_endian(std::string& text, std::uint64_t value,
                          int num_bytes) {
  for (int i = 0; i < num_bytes; ++i)
    text += static_cast<char>((value >> (8 * i)) & 0xff);
}

// Event: 1 wall_time, 2 step, 3 file_version, 5 summary, 7 session_log.
// SessionLog: 1 status.
std::string version_event(double time_s) {
  ProtoWriter event;
  event.add_double(1, time_s);
  event.add_bytes(3, "brain.Event:2");
  return event.bytes();
}

// TensorBoard drops what earlier files say of this step and later ones, but
// only from the second such event on: every file has one.
std::string start_event(double time_s, std::int64_t step) {
  constexpr std::int64_t kStart = 1;
  ProtoWriter session;
  session.add_integer(1, kStart);
  ProtoWriter event;
  event.add_double(1, time_s);
  event.add_integer(2, step);
  event.add_bytes(7, session.bytes());
  return event.bytes();
}

std::string summary_event(double time_s, std::int64_t step,
                          TensorBoardSummary const& summary) {
  ProtoWriter event;
  event.add_double(1, time_s);
  event.add_integer(2, step);
  event.add_bytes(5, summary.bytes());
  return event.bytes();
}

constexpr std::string_view kNameBegin = "events.out.tfevents.";

/// The latest time in the names of a folder's event files; 0: there are none.
std::int64_t newest_time_s(std::filesystem::path const& folder) {
  std::int64_t newest = 0;
  std::error_code ignored;
  for (auto const& entry :
       std::filesystem::directory_iterator(folder, ignored)) {
    auto const name = entry.path().filename().string();
    if (!name.starts_with(kNameBegin)) continue;
    auto const digits = std::string_view(name).substr(kNameBegin.size());
    std::int64_t time_s = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), time_s);
    newest = std::max(newest, time_s);
  }
  return newest;
}

}  // namespace

std::uint32_t masked_crc32c(std::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return std::rotr(static_cast<std::uint32_t>(crc.checksum()), 15) +
         0xa282ead8U;
}

std::string frame_record(std::string_view data) {
  std::string length;
  append_little_endian(length, data.size(), 8);
  std::string record = length;
  append_little_endian(record, masked_crc32c(length), 4);
  record.append(data);
  append_little_endian(record, masked_crc32c(data), 4);
  return record;
}

Result<TensorBoardWriter> TensorBoardWriter::open(
    std::filesystem::path const& folder,
    std::optional<std::int64_t> restart_step) {
  static std::atomic<int> num_opened = 0;
  double const now_s = unix_time_s();
  auto const name_s =
      std::max(static_cast<std::int64_t>(now_s), newest_time_s(folder) + 1);
  auto const path =
      folder / fmt::format("{}{:010}.{}.{}.{}", kNameBegin, name_s, host_name(),
                           ::getpid(), num_opened++);
  auto file = FileWriter::open(path, FileWriter::Mode::truncate);
  if (!file) return tl::unexpected(file.error());
  auto const head = frame_record(version_event(now_s)) +
                    frame_record(start_event(now_s, restart_step.value_or(0)));
  if (auto written = file->write(head); !written)
    return tl::unexpected(written.error());
  return TensorBoardWriter(*std::move(file), path);
}

Result<void> TensorBoardWriter::write_scalar(std::string_view tag,
                                             std::int64_t step, double value) {
  std::pair<std::string, double> const entry(tag, value);
  return write_scalars(step, std::span(&entry, 1));
}

Result<void> TensorBoardWriter::write_scalars(
    std::int64_t step, std::span<std::pair<std::string, double> const> values,
    double time_s) {
  TensorBoardSummary summary;
  for (auto const& [tag, value] : values) summary.add_scalar(tag, value);
  return write(step, summary, time_s);
}

Result<void> TensorBoardWriter::write(std::int64_t step,
                                      TensorBoardSummary const& summary,
                                      double time_s) {
  if (time_s == 0.0) time_s = unix_time_s();
  return file_.write(frame_record(summary_event(time_s, step, summary)));
}

}  // namespace gasm
