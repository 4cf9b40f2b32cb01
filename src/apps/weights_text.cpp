// SPDX-License-Identifier: Apache-2.0
#include "weights_text.hpp"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "gasm/ckpt/element_type.hpp"
#include "gasm/ckpt/tensor_stats.hpp"
#include "plain_text.hpp"
#include "tensor_totals.hpp"

namespace gasm {
namespace {

using json = nlohmann::ordered_json;

std::string shortened(std::string_view text) {
  constexpr std::size_t max_bytes = 200;
  if (text.size() <= max_bytes) return fmt::format("{}", text);
  return fmt::format("{}...", text.substr(0, max_bytes));
}

std::string shape_text(at::Tensor const& tensor) {
  return fmt::format("[{}]", fmt::join(tensor.sizes(), ", "));
}

std::string stats_text(at::Tensor const& tensor) {
  auto const stats = measure_tensor(tensor);
  auto text = fmt::format("  mean {:.4g} std {:.4g} min {:.4g} max {:.4g}",
                          stats.mean, stats.std, stats.min, stats.max);
  if (stats.num_nan > 0) text += fmt::format(" NaN {}", stats.num_nan);
  if (stats.num_inf > 0) text += fmt::format(" inf {}", stats.num_inf);
  return text;
}

/// JSON has no NaN: null where there is no finite value.
json stats_json(at::Tensor const& tensor) {
  auto const stats = measure_tensor(tensor);
  return {{"mean", stats.mean},       {"std", stats.std},
          {"min", stats.min},         {"max", stats.max},
          {"num_nan", stats.num_nan}, {"num_inf", stats.num_inf}};
}

}  // namespace

std::string weights_text(WeightsView const& view) {
  auto const totals = totals_of(view.file);
  auto text =
      fmt::format("{}: {}, {} tensors, {} parameters, {} bytes", view.path,
                  name_of(view.format), view.file.tensors.size(),
                  totals.num_values, totals.num_bytes);
  for (auto const& [key, value] : view.file.metadata)
    text += fmt::format("\n  {} = {}", plain(key), shortened(plain(value)));
  for (auto const& [name, tensor] : view.file.tensors)
    text +=
        fmt::format("\n  {:<48} {:<4} {:<20}{}", plain(name),
                    element_type_name(tensor.scalar_type()), shape_text(tensor),
                    view.with_stats ? stats_text(tensor) : "");
  return text;
}

std::string weights_json(WeightsView const& view) {
  auto const totals = totals_of(view.file);
  json tensors = json::array();
  for (auto const& [name, tensor] : view.file.tensors) {
    json entry = {{"name", name},
                  {"type", element_type_name(tensor.scalar_type())},
                  {"shape", tensor.sizes().vec()}};
    if (view.with_stats) entry["stats"] = stats_json(tensor);
    tensors.push_back(std::move(entry));
  }
  json const all = {{"file", view.path},
                    {"format", name_of(view.format)},
                    {"num_tensors", view.file.tensors.size()},
                    {"num_parameters", totals.num_values},
                    {"num_bytes", totals.num_bytes},
                    {"metadata", view.file.metadata},
                    {"tensors", std::move(tensors)}};
  return all.dump(1, ' ', false, json::error_handler_t::replace);
}

}  // namespace gasm
