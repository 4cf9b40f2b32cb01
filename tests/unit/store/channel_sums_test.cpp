// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/channel_sums.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "gasm/store/feature_store.hpp"
#include "support/feature_files.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

template <class T>
std::span<std::byte const> bytes(std::vector<T> const& values) {
  return std::as_bytes(std::span(values));
}

TEST(ChannelSums, AreMeanAndDeviationOfEachChannel) {
  ChannelSums sums(2);
  // Channel 0: 1, 3; channel 1: -0.5, 2.5.
  sums.add(bytes(std::vector<float>{1, -0.5F, 3, 2.5F}), FeatureType::fp32);
  auto const found = sums.statistics();
  EXPECT_EQ(found.mean, (std::vector<float>{2, 1}));
  EXPECT_EQ(found.std, (std::vector<float>{1, 1.5F}));
}

TEST(ChannelSums, EveryHalfIsExact) {
  // 1, -2, 1.5, the largest number, the smallest normal and subnormal ones.
  std::vector<std::uint16_t> const halves = {0x3c00, 0xc000, 0x3e00,
                                             0x7bff, 0x0400, 0x0001};
  std::vector<double> const values = {1, -2, 1.5, 65504, 0x1p-14, 0x1p-24};
  for (std::size_t i = 0; i < halves.size(); ++i) {
    ChannelSums sums(1);
    sums.add(bytes(std::vector<std::uint16_t>{halves[i]}), FeatureType::fp16);
    EXPECT_EQ(static_cast<double>(sums.statistics().mean[0]), values[i]);
  }
  ChannelSums sums(1);
  sums.add(bytes(halves), FeatureType::fp16);
  double mean = 0, squares = 0;
  for (double const value : values) mean += value / 6;
  for (double const value : values) squares += std::pow(value - mean, 2) / 6;
  EXPECT_FLOAT_EQ(sums.statistics().mean[0], static_cast<float>(mean));
  EXPECT_FLOAT_EQ(sums.statistics().std[0],
                  static_cast<float>(std::sqrt(squares)));
}

// A small deviation about a large mean is not lost in rounding.
TEST(ChannelSums, SubtractWithoutLoss) {
  ChannelSums sums(1);
  std::vector<float> values;
  for (int i = 0; i < 100000; ++i)
    values.push_back(i % 2 == 0 ? 500000.0F : 500000.03125F);
  sums.add(bytes(values), FeatureType::fp32);
  EXPECT_FLOAT_EQ(sums.statistics().std[0], 0.015625F);
}

TEST(ChannelSums, OrderMakesNoDifference) {
  std::vector<float> values;
  for (int i = 0; i < 3000; ++i)
    values.push_back(std::sin(static_cast<float>(i)) *
                     std::pow(10.0F, static_cast<float>(i % 9 - 4)));
  ChannelSums whole(3), pieces(3);
  whole.add(bytes(values), FeatureType::fp32);
  for (std::size_t end = values.size(); end > 0; end -= 300)
    pieces.add(bytes(values).subspan((end - 300) * 4, 300 * 4),
               FeatureType::fp32);
  EXPECT_EQ(whole.statistics(), pieces.statistics());
}

TEST(ChannelSums, WhatIsNoNumberIsLeftOut) {
  auto const nan = std::numeric_limits<float>::quiet_NaN();
  auto const inf = std::numeric_limits<float>::infinity();
  ChannelSums sums(2);
  sums.add(bytes(std::vector<float>{nan, 7, 2, -inf, 4, 0x1p20F}),
           FeatureType::fp32);
  sums.add(bytes(std::vector<std::uint16_t>{0x7c00, 0x7e01}),
           FeatureType::fp16);
  EXPECT_EQ(sums.num_left_out(), 5);
  EXPECT_EQ(sums.statistics().mean, (std::vector<float>{3, 7}));
  // One value alone has no spread.
  EXPECT_EQ(sums.statistics().std, (std::vector<float>{1, 1}));
  EXPECT_EQ(ChannelSums(1).statistics().mean, std::vector<float>{0});
}

TEST(FeatureStore, HasTheStatisticsOfItsValues) {
  TempFolder const folder;
  for (auto const type : {FeatureType::fp16, FeatureType::fp32}) {
    auto contents = fake_contents(13, 3);
    contents.type = type;
    auto const path = folder / "features.h5";
    write_fake_store(Communicator::self(), path, contents,
                     UnfinishedUse::start_anew);
    auto const store = value_or_throw(FeatureStore::open(path));
    for (auto const stream : {Stream::semantic, Stream::motion}) {
      auto const& shape =
          (stream == Stream::semantic ? contents.semantic : contents.motion)
              ->shape;
      auto const& found = stream == Stream::semantic
                              ? store.semantic_statistics()
                              : store.motion_statistics();
      auto const width = shape.num_channels;
      ASSERT_EQ(found.mean.size(), static_cast<std::size_t>(width));
      for (std::int64_t c = 0; c < width; ++c) {
        double sum = 0, squares = 0, count = 0;
        for (std::int64_t clip = 0; clip < 13; ++clip)
          for (std::int64_t view = 0; view < 3; ++view)
            for (auto k = c; k < shape.num_values(); k += width) {
              auto const value = double(fake_value(clip, view, stream, k));
              sum += value;
              squares += value * value;
              ++count;
            }
        auto const mean = sum / count;
        auto const i = static_cast<std::size_t>(c);
        EXPECT_FLOAT_EQ(found.mean[i], static_cast<float>(mean));
        EXPECT_FLOAT_EQ(
            found.std[i],
            static_cast<float>(std::sqrt(squares / count - mean * mean)));
      }
    }
  }
}

}  // namespace
}  // namespace gasm
