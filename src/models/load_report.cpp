// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/load_report.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <span>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

std::string some_of(std::vector<std::string> const& names, char const* what,
                    std::size_t max_names) {
  if (names.empty()) return "";
  auto const shown = std::span(names).first(std::min(max_names, names.size()));
  return fmt::format("; {} {}: {}{}", names.size(), what,
                     fmt::join(shown, ", "),
                     shown.size() < names.size() ? ", ..." : "");
}

}  // namespace

bool is_convertible(at::Tensor const& wanted, at::Tensor const& given) {
  return wanted.is_floating_point()
             ? given.is_floating_point()
             : at::isIntegralType(given.scalar_type(), false);
}

LoadReport compare_tensors(torch::nn::Module const& module,
                           TensorMap const& tensors) {
  LoadReport report;
  std::set<std::string> known;
  for (auto const& [name, wanted] : named_tensors(module)) {
    known.insert(name);
    auto const given = tensors.find(name);
    if (given == tensors.end()) {
      report.missing.push_back(name);
    } else if (wanted.sizes() != given->second.sizes() ||
               !is_convertible(wanted, given->second)) {
      report.misshapen.push_back(name);
    } else {
      report.fitting.push_back(name);
      if (wanted.scalar_type() != given->second.scalar_type())
        report.converted.push_back(name);
    }
  }
  for (auto const& [name, tensor] : tensors)
    if (known.count(name) == 0) report.unexpected.push_back(name);
  return report;
}

std::string report_text(LoadReport const& report, std::size_t max_names) {
  return fmt::format("{} tensors fit", report.fitting.size()) +
         some_of(report.missing, "missing", max_names) +
         some_of(report.unexpected, "unexpected", max_names) +
         some_of(report.misshapen, "of another shape or kind", max_names);
}

LoadReport load_what_fits(torch::nn::Module& module, TensorMap const& tensors,
                          std::string const& source) {
  auto report = compare_tensors(module, tensors);
  if (report.fitting.empty())
    throw error(
        "{}: no tensor fits the model, not even in part ({}). Try the weights "
        "of another model",
        source, report_text(report));
  std::set<std::string> const fitting(report.fitting.begin(),
                                      report.fitting.end());
  at::NoGradGuard const no_grad;
  for (auto& [name, wanted] : named_tensors(module))
    if (fitting.count(name) > 0) wanted.copy_(tensors.at(name));
  return report;
}

}  // namespace gasm
