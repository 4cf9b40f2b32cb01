// SPDX-License-Identifier: Apache-2.0
#include "device_peak.hpp"

#include <array>

namespace gasm {
namespace {

/// In units of 10^12 a second; 0: the device has no such units.
struct Peak {
  std::string_view part;  ///< of the device's name
  double bf16, fp16, fp32;
};

// From the makers' data sheets; the first that fits counts.
constexpr std::array kPeaks = {
    Peak{"H200 NVL", 835.5, 835.5, 60.0}, Peak{"H200", 989.4, 989.4, 66.9},
    Peak{"H100 NVL", 835.5, 835.5, 60.0}, Peak{"H100 PCIe", 756.0, 756.0, 51.2},
    Peak{"H100", 989.4, 989.4, 66.9},     Peak{"A100", 312.0, 312.0, 19.5},
    Peak{"L40S", 362.05, 362.05, 91.6},   Peak{"V100-PCIE", 0.0, 112.0, 14.0},
    Peak{"V100", 0.0, 125.0, 15.7},       Peak{"Tesla T4", 0.0, 65.0, 8.1}};

double of(Peak const& peak, Precision precision) {
  switch (precision) {
    case Precision::bf16:
      return peak.bf16;
    case Precision::fp16:
      return peak.fp16;
    case Precision::fp32:
      break;
  }
  return peak.fp32;
}

}  // namespace

std::optional<double> peak_flops(std::string_view name, Precision precision) {
  for (auto const& peak : kPeaks) {
    if (name.find(peak.part) == std::string_view::npos) continue;
    double const found = of(peak, precision);
    return found > 0.0 ? std::optional(found * 1e12) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace gasm
