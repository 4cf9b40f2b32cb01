// SPDX-License-Identifier: Apache-2.0
#include "runs_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "gasm/base/duration_text.hpp"

namespace gasm {
namespace {

template <class T>
nlohmann::ordered_json or_null(std::optional<T> const& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

nlohmann::ordered_json total_steps(RunStatus const& run) {
  return run.manifest ? or_null(run.manifest->total_steps)
                      : nlohmann::ordered_json();
}

std::string steps_text(RunStatus const& run) {
  if (!run.manifest || !run.manifest->total_steps)
    return std::to_string(run.step);
  return fmt::format("{} of {}", run.step, *run.manifest->total_steps);
}

}  // namespace

std::string runs_table(std::vector<RunStatus> const& runs) {
  std::size_t width = 3;
  for (auto const& run : runs)
    width = std::max(width, run.path.string().size());
  auto text =
      fmt::format("{:<{}}  {:<8}  {:>17}  {:>9}  {:>12}  {:>10}", "run", width,
                  "state", "step", "best top1", "age", "checkpoint");
  for (auto const& run : runs) {
    text += fmt::format(
        "\n{:<{}}  {:<8}  {:>17}  {:>9}  {:>12}  {:>10}", run.path.string(),
        width, to_string(run.condition), steps_text(run),
        run.best_top1 ? fmt::format("{:.2f} %", 100 * *run.best_top1) : "-",
        duration_text(run.age_s),
        run.newest_checkpoint ? std::to_string(*run.newest_checkpoint) : "-");
  }
  return text;
}

std::string runs_json(std::vector<RunStatus> const& runs) {
  auto list = nlohmann::ordered_json::array();
  for (auto const& run : runs) {
    auto const& manifest = run.manifest;
    list.push_back({{"path", run.path.string()},
                    {"state", to_string(run.condition)},
                    {"problem", run.problem},
                    {"step", run.step},
                    {"total_steps", total_steps(run)},
                    {"best_top1", or_null(run.best_top1)},
                    {"newest_checkpoint", or_null(run.newest_checkpoint)},
                    {"age_s", run.age_s},
                    {"host", manifest ? nlohmann::ordered_json(manifest->host)
                                      : nlohmann::ordered_json()}});
  }
  return list.dump(2, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace gasm
