// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/image_ops.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "gasm/data/rand_augment.hpp"

namespace gasm {
namespace {

using Bytes = std::vector<std::uint8_t>;

// The words of golden/image_ops.txt, which timm and Pillow have written.
std::map<std::string, ImageOpKind> const kOps = {
    {"AutoContrast", ImageOpKind::autocontrast},
    {"Equalize", ImageOpKind::equalize},
    {"Invert", ImageOpKind::invert},
    {"Rotate", ImageOpKind::rotate},
    {"Posterize", ImageOpKind::posterize},
    {"Solarize", ImageOpKind::solarize},
    {"SolarizeAdd", ImageOpKind::solarize_add},
    {"Color", ImageOpKind::colour},
    {"Contrast", ImageOpKind::contrast},
    {"Brightness", ImageOpKind::brightness},
    {"Sharpness", ImageOpKind::sharpness},
    {"ShearX", ImageOpKind::shear_x},
    {"ShearY", ImageOpKind::shear_y},
    {"TranslateXRel", ImageOpKind::translate_x},
    {"TranslateYRel", ImageOpKind::translate_y}};

struct Picture {
  FrameSize size;
  Bytes rgb;
};

Bytes from_hex(std::string const& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(
        static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

// Calls visit(first word, the rest) for every line.
template <class Visit>
void for_each_line(Visit visit) {
  std::ifstream file(GASM_GOLDEN_IMAGE_OPS);
  ASSERT_TRUE(file) << GASM_GOLDEN_IMAGE_OPS;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string first;
    words >> first;
    visit(first, words);
  }
}

TEST(OpValue, IsThatOfTimm) {
  int num = 0;
  for_each_line([&](std::string const& first, std::istream& words) {
    if (first != "value") return;
    std::string op;
    bool increasing = false;
    double magnitude = 0.0;
    bool is_negative = false;
    double value = 0.0;
    words >> op >> increasing >> magnitude >> is_negative >> value;
    EXPECT_NEAR(op_value(kOps.at(op), magnitude, increasing, is_negative),
                value, 1e-12)
        << op << " " << magnitude << " " << increasing << is_negative;
    ++num;
  });
  EXPECT_EQ(num, 12 * 2 * 9 * 2);
}

int largest_difference(Bytes const& a, Bytes const& b) {
  EXPECT_EQ(a.size(), b.size());
  int largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

// Two frames at once: the second one is turned upside down in colour, so that
// statistics of one must not leak into the other.
TEST(ImageOps, AreThoseOfPillow) {
  std::map<std::string, Picture> pictures;
  int num_exact = 0;
  int num_near = 0;
  for_each_line([&](std::string const& first, std::istream& words) {
    std::string name;
    words >> name;
    if (first == "image") {
      Picture picture;
      std::string hex;
      words >> picture.size.width_px >> picture.size.height_px >> hex;
      picture.rgb = from_hex(hex);
      pictures[name] = picture;
    }
    if (first != "done") return;
    std::string op;
    std::string interpolation;
    double value = 0.0;
    std::string hex;
    words >> op >> interpolation >> value >> hex;
    auto const& picture = pictures.at(name);
    auto const num_bytes = static_cast<std::ptrdiff_t>(picture.rgb.size());
    Bytes frames = picture.rgb;
    for (auto const level : picture.rgb)
      frames.push_back(static_cast<std::uint8_t>(255 - level));
    ImageOp const todo{kOps.at(op), value};
    apply_ops({&todo, 1},
              interpolation == "bilinear" ? Interpolation::bilinear
                                          : Interpolation::bicubic,
              picture.size, frames);
    Bytes const found(frames.begin(), frames.begin() + num_bytes);
    bool const is_exact = interpolation == "none";
    EXPECT_LE(largest_difference(found, from_hex(hex)), is_exact ? 0 : 1)
        << name << " " << op << " " << interpolation << " " << value;
    ++(is_exact ? num_exact : num_near);
  });
  EXPECT_GT(num_exact, 90);
  EXPECT_GT(num_near, 60);
}

TEST(ImageOps, FramesAreChangedOneByOne) {
  FrameSize const size{2, 1};
  Bytes frames{10, 20, 30, 60, 70, 80, 200, 0, 0, 220, 0, 255};
  autocontrast(frames, size);
  EXPECT_EQ(frames, (Bytes{0, 0, 0, 255, 255, 255, 0, 0, 0, 255, 0, 255}));
}

TEST(ImageOps, PosterizeToNothingIsBlack) {
  Bytes frame{0, 127, 255};
  posterize(frame, 0);
  EXPECT_EQ(frame, (Bytes{0, 0, 0}));
}

// A quarter turn moves whole pixels.
TEST(TransformAffine, TurnsCounterClockwise) {
  FrameSize const size{2, 2};
  Bytes const before{1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4};
  for (auto const kind : {Interpolation::bilinear, Interpolation::bicubic}) {
    Bytes frame = before;
    transform_affine(frame, size, rotation_map(size, 90.0), kind);
    EXPECT_EQ(frame, (Bytes{2, 2, 2, 4, 4, 4, 1, 1, 1, 3, 3, 3}));
  }
}

TEST(TransformAffine, OutsideIsGrey) {
  Bytes frame{10, 20, 30, 40, 50, 60};
  transform_affine(frame, {2, 1}, {.c = 1.0}, Interpolation::bicubic);
  EXPECT_EQ(frame, (Bytes{40, 50, 60, 128, 128, 128}));
}

TEST(RandAugment, DrawsAsConfigured) {
  RandAugmentConfig config;
  config.n = 4;
  Rng rng{5};
  constexpr int kNum = 20000;
  std::map<ImageOpKind, int> counts;
  int num_ops = 0;
  int num_negative = 0;
  int num_signed = 0;
  double sum = 0.0;
  double squares = 0.0;
  for (int i = 0; i < kNum; ++i)
    for (auto const& op : draw_rand_augment(config, rng)) {
      ++num_ops;
      ++counts[op.kind];
      if (op.kind != ImageOpKind::rotate) continue;
      ++num_signed;
      num_negative += op.value < 0.0 ? 1 : 0;
      double const magnitude = std::abs(op.value) / 3.0;
      sum += magnitude;
      squares += magnitude * magnitude;
    }
  // 80000 coins; five standard deviations.
  EXPECT_NEAR(num_ops, 40000, 5 * 142);
  EXPECT_EQ(counts.size(), 15U);
  for (auto const& [kind, count] : counts)
    EXPECT_NEAR(count, 40000 / 15.0, 5 * 51) << static_cast<int>(kind);
  EXPECT_NEAR(num_negative, num_signed / 2.0, 5 * 27);
  double const mean = sum / num_signed;
  EXPECT_NEAR(mean, 7.0, 0.05);
  EXPECT_NEAR(std::sqrt(squares / num_signed - mean * mean), 0.5, 0.05);
}

TEST(RandAugment, MagnitudesStayWithinTheirRange) {
  RandAugmentConfig config;
  config.n = 16;
  config.m = 9.0;
  config.mstd = 50.0;
  Rng rng{6};
  int num_extreme = 0;
  for (int i = 0; i < 2000; ++i)
    for (auto const& op : draw_rand_augment(config, rng))
      if (op.kind == ImageOpKind::translate_x) {
        EXPECT_LE(std::abs(op.value), 0.45);
        num_extreme += std::abs(op.value) == 0.45 ? 1 : 0;
      }
  EXPECT_GT(num_extreme, 300);
}

TEST(RandAugment, NoOperationsDrawNothing) {
  Rng rng{7};
  EXPECT_TRUE(draw_rand_augment({}, rng).empty());
  EXPECT_EQ(rng.u64(), Rng{7}.u64());
}

}  // namespace
}  // namespace gasm
