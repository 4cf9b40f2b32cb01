// SPDX-License-Identifier: Apache-2.0
#include "eval_summary.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace gasm {
namespace {

constexpr std::size_t kMaxNamed = 5;

double class_top1(ClassResult const& result) {
  return static_cast<double>(result.num_top1) /
         static_cast<double>(result.num_clips);
}

/// The classes with the lowest top-1, worst first.
std::string worst_classes(EvalResult const& result,
                          std::vector<std::string> const& names) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < result.classes.size(); ++i)
    if (result.classes[i].num_clips > 0) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return class_top1(result.classes[a]) < class_top1(result.classes[b]);
  });
  auto text = fmt::format("Classes: {} with clips, mean top-1 {:.2f} %\n",
                          order.size(), 100.0 * result.mean_class_top1);
  for (std::size_t i = 0; i < order.size() && i < kMaxNamed; ++i) {
    auto const& hits = result.classes[order[i]];
    text += fmt::format(
        "  {:6.2f} % of {:>5}  {}\n", 100.0 * class_top1(hits), hits.num_clips,
        order[i] < names.size() ? names[order[i]] : std::to_string(order[i]));
  }
  if (order.size() > kMaxNamed)
    text += fmt::format("  (the lowest {}; --json has all)\n", kMaxNamed);
  return text;
}

}  // namespace

std::string eval_summary(EvalResult const& result, std::string const& data,
                         std::vector<std::string> const& names) {
  auto const share = [&](double p) {
    auto const interval = wilson_interval(p, result.num_clips);
    return fmt::format("{:.2f} % [{:.2f}, {:.2f}]", 100.0 * p,
                       100.0 * interval.low, 100.0 * interval.high);
  };
  auto const views = result.num_views == 1
                         ? std::string()
                         : fmt::format(" in {} views each", result.num_views);
  return fmt::format(
      "{}: {} clips{}, {} could not be decoded\n"
      "top-1 {}   top-5 {}   (99 % intervals)\n"
      "loss {:.9g}\n{}",
      data, result.num_clips, views, result.num_bad, share(result.top1),
      share(result.top5), result.loss, worst_classes(result, names));
}

}  // namespace gasm
