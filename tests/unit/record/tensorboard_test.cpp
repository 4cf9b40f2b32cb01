// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/tensorboard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cerrno>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gasm/base/rng.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

/// CRC-32C one bit at a time, from its definition (polynomial 0x1EDC6F41,
/// reflected).
std::uint32_t slow_masked_crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  for (char const c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

std::uint64_t take_fixed(std::string_view& bytes, std::size_t size) {
  EXPECT_GE(bytes.size(), size);
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  bytes.remove_prefix(size);
  return value;
}

std::uint64_t take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0; !bytes.empty(); shift += 7) {
    auto const byte = static_cast<unsigned char>(bytes[0]);
    bytes.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) break;
  }
  return value;
}

/// The fields of a protobuf message: scalars as their bits, the rest as text.
struct Fields {
  std::map<std::uint64_t, std::uint64_t> scalars;
  std::map<std::uint64_t, std::vector<std::string>> texts;
};

Fields parse_message(std::string_view bytes) {
  Fields fields;
  while (!bytes.empty()) {
    auto const key = take_varint(bytes);
    auto const number = key >> 3;
    switch (key & 7) {
      case 0:
        fields.scalars[number] = take_varint(bytes);
        break;
      case 1:
        fields.scalars[number] = take_fixed(bytes, 8);
        break;
      case 5:
        fields.scalars[number] = take_fixed(bytes, 4);
        break;
      default: {
        auto const size = take_varint(bytes);
        fields.texts[number].emplace_back(bytes.substr(0, size));
        bytes.remove_prefix(size);
      }
    }
  }
  return fields;
}

std::vector<Fields> read_events(std::filesystem::path const& path) {
  auto const text = value_or_throw(read_text(path));
  std::string_view rest = text;
  std::vector<Fields> events;
  while (!rest.empty()) {
    auto const length = rest.substr(0, 8);
    auto const size = take_fixed(rest, 8);
    EXPECT_EQ(take_fixed(rest, 4), slow_masked_crc32c(length));
    auto const data = rest.substr(0, size);
    rest.remove_prefix(size);
    EXPECT_EQ(take_fixed(rest, 4), slow_masked_crc32c(data));
    events.push_back(parse_message(data));
  }
  return events;
}

TEST(MaskedCrc32c, KnownValues) {
  // The check value of CRC-32C, 0xe3069283, masked.
  EXPECT_EQ(masked_crc32c("123456789"), 0xc78ab0e5u);
  // RFC 3720, B.4: 32 bytes of zeroes and of ones.
  auto const mask = [](std::uint32_t crc) {
    return std::rotr(crc, 15) + 0xa282ead8u;
  };
  EXPECT_EQ(masked_crc32c(std::string(32, '\0')), mask(0x8a9136aau));
  EXPECT_EQ(masked_crc32c(std::string(32, '\xff')), mask(0x62a8ab43u));
}

TEST(MaskedCrc32c, EqualsItsDefinition) {
  Rng rng({3});
  for (int size = 0; size < 100; ++size) {
    std::string bytes;
    for (int i = 0; i < size; ++i) bytes += static_cast<char>(rng.below(256));
    EXPECT_EQ(masked_crc32c(bytes), slow_masked_crc32c(bytes));
  }
}

// Event.session_log (7) with SessionLog.status (1) = START (1), as
// TensorBoard's event.proto has it: a reader drops earlier points from that
// step on, unless it is the first that it meets.
TEST(TensorBoard, AStartTakesBackLaterSteps) {
  TempFolder const folder;
  for (auto const step : {std::optional<std::int64_t>(), std::optional(101L)}) {
    auto const writer =
        value_or_throw(TensorBoardWriter::open(folder.path(), step));
    auto const events = read_events(writer.path());
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[1].scalars.at(2),
              static_cast<std::uint64_t>(step.value_or(0)));
    EXPECT_EQ(parse_message(events[1].texts.at(7).at(0)).scalars.at(1), 1u);
  }
}

TEST(TensorBoard, WritesVersionThenScalars) {
  TempFolder const folder;
  auto writer = value_or_throw(TensorBoardWriter::open(folder.path()));
  EXPECT_THAT(writer.path().filename().string(),
              testing::MatchesRegex("events.out.tfevents.[0-9]{10}..+"));
  ASSERT_TRUE(writer.write_scalar("train/loss", 300, 0.1));
  std::vector<std::pair<std::string, double>> const values = {
      {"val/top1", 0.75}, {"val/loss", -2.5}};
  ASSERT_TRUE(writer.write_scalars(std::int64_t{1} << 40, values, 1.7e9));

  auto const events = read_events(writer.path());
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].texts.at(3).at(0), "brain.Event:2");
  EXPECT_GT(std::bit_cast<double>(events[0].scalars.at(1)), 1.6e9);

  EXPECT_EQ(events[2].scalars.at(2), 300u);
  auto const one = parse_message(
      parse_message(events[2].texts.at(5).at(0)).texts.at(1).at(0));
  EXPECT_EQ(one.texts.at(1).at(0), "train/loss");
  EXPECT_EQ(one.scalars.at(2), std::bit_cast<std::uint32_t>(0.1f));

  EXPECT_EQ(events[3].scalars.at(2), std::uint64_t{1} << 40);
  EXPECT_EQ(std::bit_cast<double>(events[3].scalars.at(1)), 1.7e9);
  auto const summary = parse_message(events[3].texts.at(5).at(0));
  ASSERT_EQ(summary.texts.at(1).size(), 2u);
  auto const last = parse_message(summary.texts.at(1)[1]);
  EXPECT_EQ(last.texts.at(1).at(0), "val/loss");
  EXPECT_EQ(last.scalars.at(2), std::bit_cast<std::uint32_t>(-2.5f));
}

TEST(TensorBoard, TwoWritersDoNotMeet) {
  TempFolder const folder;
  auto const a = value_or_throw(TensorBoardWriter::open(folder.path()));
  auto const b = value_or_throw(TensorBoardWriter::open(folder.path()));
  EXPECT_NE(a.path(), b.path());
}

// TensorBoard reads files in the order of their names: that of a start after
// the clock went back must come last all the same.
TEST(TensorBoard, NamesAscendThoughTheClockGoesBack) {
  TempFolder const folder;
  auto const future = folder / "events.out.tfevents.9000000000.node.1.0";
  ASSERT_TRUE(publish_file(future, ""));
  ASSERT_TRUE(publish_file(folder / "events.out.tfevents.x", ""));
  auto const a = value_or_throw(TensorBoardWriter::open(folder.path()));
  auto const b = value_or_throw(TensorBoardWriter::open(folder.path()));
  EXPECT_GT(a.path(), future);
  EXPECT_GT(b.path(), a.path());
}

TEST(HparamOf, ReadsNumbersAndTruthValues) {
  EXPECT_EQ(hparam_of("true"), HparamValue(true));
  EXPECT_EQ(hparam_of("false"), HparamValue(false));
  EXPECT_EQ(hparam_of("-1.5e-3"), HparamValue(-1.5e-3));
  EXPECT_EQ(hparam_of("12"), HparamValue(12.0));
  for (std::string const word :
       {"", "adamw", "12px", "[1, 2]", "1-2", "e", "inf", "nan", "0x10"})
    EXPECT_EQ(hparam_of(word), HparamValue(word)) << word;
}

TEST(TensorBoard, AFullDiskIsReported) {
  TempFolder const folder;
  auto writer = value_or_throw(TensorBoardWriter::open(folder.path()));
  set_write_fault(0, ENOSPC);
  auto const written = writer.write_scalar("a", 1, 1.0);
  auto const opened = TensorBoardWriter::open(folder.path());
  set_write_fault(-1, 0);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().what(), HasSubstr("No space left"));
  ASSERT_FALSE(opened);
}

}  // namespace
}  // namespace gasm
