// SPDX-License-Identifier: Apache-2.0
#include "braille_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace gasm {
namespace {

constexpr int kLabel = 9;  // and a bar behind it
constexpr int kDotsAcross = 2;
constexpr int kDotsDown = 4;
constexpr std::int64_t kLargestStep = 1'000'000'000'000'000;
constexpr char const* kMark = "\u00d7";
constexpr char const* kEndColour = "\x1b[0m";

/// Bits of a braille character, by row and column of its dots.
constexpr std::array<std::array<int, kDotsAcross>, kDotsDown> kDots = {
    {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};

std::string utf8_of_braille(int bits) {
  std::string text = "\xe2\xa0\x80";
  text[1] = static_cast<char>(0xa0 | (bits >> 6));
  text[2] = static_cast<char>(0x80 | (bits & 0x3f));
  return text;
}

/// The range of what is drawn, and where in it something stands.
struct Frame {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  std::int64_t last = std::numeric_limits<std::int64_t>::min();
  double top = -std::numeric_limits<double>::infinity();
  double bottom = std::numeric_limits<double>::infinity();
  int width = 0;
  int height = 0;

  void include(std::vector<PlotPoint> const& points) {
    for (auto const& point : points) {
      first = std::min(first, point.step);
      last = std::max(last, point.step);
      top = std::max(top, point.value);
      bottom = std::min(bottom, point.value);
    }
  }
  int column(std::int64_t step) const {
    if (last == first) return 0;
    return static_cast<int>((step - first) * (width - 1) / (last - first));
  }
  int row(double value) const {
    if (!(top > bottom)) return height / 2;
    return static_cast<int>(
        std::lround((top - value) / (top - bottom) * (height - 1)));
  }
};

/// Those that can be drawn: a damaged file may hold any step.
std::vector<PlotPoint> drawable(std::vector<PlotPoint> points) {
  std::erase_if(points, [](auto const& point) {
    return !std::isfinite(point.value) || point.step < 0 ||
           point.step > kLargestStep;
  });
  return points;
}

class Canvas {
 public:
  explicit Canvas(Frame const& frame)
      : frame_(frame),
        columns_((frame.width + 1) / kDotsAcross),
        bits_(static_cast<std::size_t>(columns_ * frame.height / kDotsDown)),
        marks_(bits_.size()) {}

  void draw(std::vector<PlotPoint> const& line) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      set(frame_.column(line[i].step), frame_.row(line[i].value));
      if (i > 0) connect(line[i - 1], line[i]);
    }
  }
  void mark(std::vector<PlotPoint> const& points) {
    for (auto const& point : points)
      marks_[cell(frame_.column(point.step), frame_.row(point.value))] = true;
  }
  std::string text(int row) const {
    std::string text;
    for (int column = 0; column < columns_; ++column) {
      auto const at = static_cast<std::size_t>(row * columns_ + column);
      text += marks_[at] ? kMark : utf8_of_braille(bits_[at]);
    }
    return text;
  }

 private:
  std::size_t cell(int x, int y) const {
    return static_cast<std::size_t>((y / kDotsDown) * columns_ +
                                    x / kDotsAcross);
  }
  void set(int x, int y) {
    bits_[cell(x, y)] |= kDots[static_cast<std::size_t>(y % kDotsDown)]
                              [static_cast<std::size_t>(x % kDotsAcross)];
  }
  void connect(PlotPoint const& from, PlotPoint const& to) {
    int const begin = frame_.column(from.step);
    int const end = frame_.column(to.step);
    if (begin == end) {
      auto const [low, high] =
          std::minmax(frame_.row(from.value), frame_.row(to.value));
      for (int y = low; y <= high; ++y) set(begin, y);
      return;
    }
    for (int x = begin + 1; x < end; ++x)
      set(x, frame_.row(from.value +
                        (to.value - from.value) * (x - begin) / (end - begin)));
  }

  Frame frame_;
  int columns_;
  std::vector<int> bits_;
  std::vector<bool> marks_;
};

std::string label(double value, bool is_percent) {
  return is_percent ? fmt::format("{:.1f} %", 100 * value)
                    : fmt::format("{:.4g}", value);
}

}  // namespace

std::vector<std::string> braille_plot(std::vector<PlotPoint> const& line,
                                      std::vector<PlotPoint> const& marks,
                                      PlotOptions const& options) {
  auto const points = drawable(line);
  auto const crosses = drawable(marks);
  if (points.empty() && crosses.empty()) return {"  nothing yet"};
  Frame frame;
  frame.width = kDotsAcross * std::max(4, options.columns - kLabel - 2);
  frame.height = kDotsDown * std::max(1, options.rows);
  frame.include(points);
  frame.include(crosses);
  Canvas canvas(frame);
  canvas.draw(points);
  canvas.mark(crosses);

  std::vector<std::string> text;
  int const num_rows = frame.height / kDotsDown;
  for (int row = 0; row < num_rows; ++row) {
    std::string name;
    if (row == 0) name = label(frame.top, options.is_percent);
    if (row == num_rows - 1 && num_rows > 1)
      name = label(frame.bottom, options.is_percent);
    text.push_back(fmt::format("{:>{}} \u2502{}{}{}", name, kLabel,
                               options.colour, canvas.text(row),
                               *options.colour ? kEndColour : ""));
  }
  auto const first = std::to_string(frame.first);
  auto const width = frame.width / kDotsAcross - static_cast<int>(first.size());
  text.push_back(fmt::format("{:>{}}  {}{:>{}}", "step", kLabel, first,
                             frame.last, std::max(0, width)));
  return text;
}

}  // namespace gasm
