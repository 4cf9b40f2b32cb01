// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/channel_sums.hpp"

#include <cmath>
#include <cstring>

#include "gasm/base/error.hpp"
#include "gasm/comm/communicator.hpp"

namespace gasm {
namespace {

constexpr std::int64_t kUnits = std::int64_t{1} << 24;  // of the number 1
constexpr std::int64_t kLeftOut = std::int64_t{1} << 62;

/// IEEE 754 half precision in units of 2^-24: a whole number, always.
std::int64_t units_of(std::uint16_t half) {
  auto const exponent = (half >> 10U) & 31U;
  std::int64_t const mantissa = half & 1023U;
  if (exponent == 31) return kLeftOut;
  auto const size =
      exponent == 0 ? mantissa : (1024 + mantissa) << (exponent - 1);
  return (half & 0x8000U) != 0 ? -size : size;
}

std::int64_t units_of(float value) {
  // Written so that NaN is left out.
  if (!(std::abs(value) < 0x1p20F)) return kLeftOut;
  return std::llrint(static_cast<double>(value) * static_cast<double>(kUnits));
}

/// Pieces of 32 bits, the last with the sign: sums of them over ranks do not
/// overflow.
constexpr std::size_t kPieces = 4;

template <class Wide>
void split(Wide value, std::span<std::int64_t> pieces) {
  for (std::size_t i = 0; i + 1 < kPieces; ++i) {
    pieces[i] = static_cast<std::int64_t>(value & 0xffff'ffff);
    value >>= 32;
  }
  pieces[kPieces - 1] = static_cast<std::int64_t>(value);
}

template <class Wide>
Wide joined(std::span<std::int64_t const> pieces) {
  Wide value = 0;
  for (std::size_t i = kPieces; i-- > 0;) value = (value << 32) + pieces[i];
  return value;
}

template <class Number, class Add>
void for_each(std::span<std::byte const> values, Add const& add) {
  for (std::size_t at = 0; at < values.size(); at += sizeof(Number)) {
    Number number;
    std::memcpy(&number, values.data() + at, sizeof(number));
    add(units_of(number));
  }
}

}  // namespace

ChannelSums::ChannelSums(std::int64_t num_channels)
    : sums_(static_cast<std::size_t>(num_channels)),
      squares_(sums_.size()),
      counts_(sums_.size()) {}

void ChannelSums::add_one(std::size_t channel, std::int64_t units) {
  if (units == kLeftOut) {
    ++num_left_out_;
    return;
  }
  sums_[channel] += units;
  squares_[channel] += static_cast<Wide>(units) * units;
  ++counts_[channel];
}

void ChannelSums::add(std::span<std::byte const> values, FeatureType type) {
  GASM_ASSERT(values.empty() ||
              values.size() % (sums_.size() * bytes_of(type)) == 0);
  std::size_t channel = 0;
  auto const add_next = [&](std::int64_t units) {
    add_one(channel, units);
    if (++channel == sums_.size()) channel = 0;
  };
  if (type == FeatureType::fp16)
    for_each<std::uint16_t>(values, add_next);
  else
    for_each<float>(values, add_next);
}

void ChannelSums::all_reduce(Communicator const& comm) {
  std::vector<std::int64_t> all(2 * kPieces * sums_.size());
  auto const piece = [&](std::size_t i) {
    return std::span(all).subspan(i * kPieces, kPieces);
  };
  for (std::size_t c = 0; c < sums_.size(); ++c) {
    split(sums_[c], piece(2 * c));
    split(squares_[c], piece(2 * c + 1));
  }
  all.insert(all.end(), counts_.begin(), counts_.end());
  all.push_back(num_left_out_);
  comm.all_reduce_sum(std::span(all));
  num_left_out_ = all.back();
  for (std::size_t c = 0; c < sums_.size(); ++c) {
    sums_[c] = joined<Wide>(piece(2 * c));
    squares_[c] = joined<Wide>(piece(2 * c + 1));
    counts_[c] = all[2 * kPieces * sums_.size() + c];
  }
}

ChannelStatistics ChannelSums::statistics() const {
  ChannelStatistics found;
  for (std::size_t c = 0; c < sums_.size(); ++c) {
    auto const count = static_cast<long double>(counts_[c]);
    if (counts_[c] == 0) {
      found.mean.push_back(0.0F);
      found.std.push_back(1.0F);
      continue;
    }
    auto const mean = static_cast<long double>(sums_[c]) / count;
    auto const variance =
        static_cast<long double>(squares_[c]) / count - mean * mean;
    auto const unit = static_cast<long double>(kUnits);
    // Less than a unit: the same value everywhere, but for rounding.
    auto const deviation = variance < 1.0L ? unit : std::sqrt(variance);
    found.mean.push_back(static_cast<float>(mean / unit));
    found.std.push_back(static_cast<float>(deviation / unit));
  }
  return found;
}

}  // namespace gasm
