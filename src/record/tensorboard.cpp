// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/tensorboard.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <boost/crc.hpp>

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
// Summary: 1 value. Value: 1 tag, 2 simple_value. SessionLog: 1 status.
std::string version_event(double time_s) {
  ProtoWriter event;
  event.add_double(1, time_s);
  event.add_bytes(3, "brain.Event:2");
  return event.bytes();
}

// TensorBoard drops what earlier files say of this step and later ones.
std::string restart_event(double time_s, std::int64_t step) {
  constexpr std::int64_t kStart = 1;
  ProtoWriter session;
  session.add_integer(1, kStart);
  ProtoWriter event;
  event.add_double(1, time_s);
  event.add_integer(2, step);
  event.add_bytes(7, session.bytes());
  return event.bytes();
}

std::string scalars_event(
    double time_s, std::int64_t step,
    std::span<std::pair<std::string, double> const> values) {
  ProtoWriter summary;
  for (auto const& [tag, value] : values) {
    ProtoWriter entry;
    entry.add_bytes(1, tag);
    entry.add_float(2, static_cast<float>(value));
    summary.add_bytes(1, entry.bytes());
  }
  ProtoWriter event;
  event.add_double(1, time_s);
  event.add_integer(2, step);
  event.add_bytes(5, summary.bytes());
  return event.bytes();
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
  auto const path = folder / fmt::format("events.out.tfevents.{:010}.{}.{}.{}",
                                         static_cast<std::int64_t>(now_s),
                                         host_name(), ::getpid(), num_opened++);
  auto file = FileWriter::open(path, FileWriter::Mode::truncate);
  if (!file) return tl::unexpected(file.error());
  auto head = frame_record(version_event(now_s));
  if (restart_step) head += frame_record(restart_event(now_s, *restart_step));
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
  if (time_s == 0.0) time_s = unix_time_s();
  return file_.write(frame_record(scalars_event(time_s, step, values)));
}

}  // namespace gasm
