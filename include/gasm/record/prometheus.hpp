// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gasm/base/result.hpp"

namespace gasm {

enum class PrometheusType { gauge, counter };

using PrometheusLabels = std::vector<std::pair<std::string, std::string>>;

/// One metric with the values it has under different labels.
struct PrometheusMetric {
  std::string name;  ///< with its unit, as Prometheus' conventions want it
  std::string help;  ///< a sentence
  PrometheusType type = PrometheusType::gauge;
  std::vector<std::pair<PrometheusLabels, double>> samples;
};

/// Prometheus' text format 0.0.4. Metrics without samples are left out.
std::string format_prometheus(std::span<PrometheusMetric const> metrics);

/// Replaces the file: a reader beside the run sees the old one or the new
/// one. Not flushed to the disk, for it tells of the present only.
Result<void> publish_prometheus(std::filesystem::path const& path,
                                std::span<PrometheusMetric const> metrics);

}  // namespace gasm
