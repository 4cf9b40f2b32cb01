// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "gasm/base/error.hpp"
#include "gasm/base/nearest.hpp"
#include "webdataset_samples.hpp"

namespace gasm {
namespace {

constexpr std::int64_t kMaxClasses = std::numeric_limits<std::int16_t>::max();

/// Names by index where samples tell both, "class I" where none tells a name;
/// the names in alphabetical order where no sample tells an index.
std::vector<std::string> classes_of(std::vector<WdsSample*> const& samples) {
  std::map<std::int64_t, std::string> by_index;
  std::set<std::string> names;
  std::int64_t num_classes = 0;
  for (auto const* sample : samples) {
    if (sample->class_name) names.insert(*sample->class_name);
    if (!sample->label || *sample->label >= kMaxClasses) continue;
    num_classes = std::max(num_classes, *sample->label + 1);
    if (sample->class_name)
      by_index.emplace(*sample->label, *sample->class_name);
  }
  if (num_classes == 0) return {names.begin(), names.end()};
  std::vector<std::string> classes;
  for (std::int64_t i = 0; i < num_classes; ++i)
    classes.push_back(by_index.contains(i) ? by_index[i]
                                           : fmt::format("class {}", i));
  return classes;
}

std::string unknown(std::string const& name,
                    std::vector<std::string> const& classes) {
  auto const best = nearest(name, classes);
  return fmt::format("'{}' is none of the {} classes{}", name, classes.size(),
                     best.empty() ? "" : ". Did you mean '" + best + "'?");
}

void resolve(WdsSample& sample, std::vector<std::string> const& classes,
             std::map<std::string, std::int64_t> const& indices) {
  if (sample.label && *sample.label >= std::ssize(classes)) {
    sample.problem = fmt::format("its label is {} (there are {} classes)",
                                 *sample.label, classes.size());
    return;
  }
  if (!sample.class_name) return;
  if (sample.label) {
    auto const& name = classes[static_cast<std::size_t>(*sample.label)];
    if (name != *sample.class_name)
      sample.problem =
          fmt::format("its label is {}, which is '{}', but its class '{}'",
                      *sample.label, name, *sample.class_name);
    return;
  }
  auto const found = indices.find(*sample.class_name);
  if (found == indices.end())
    sample.problem = unknown(*sample.class_name, classes);
  else
    sample.label = found->second;
}

}  // namespace

void resolve_classes(std::vector<WdsSample*> const& samples,
                     std::vector<std::string>& classes) {
  if (classes.empty()) classes = classes_of(samples);
  std::map<std::string, std::int64_t> indices;
  for (std::size_t i = 0; i < classes.size(); ++i)
    indices.emplace(classes[i], static_cast<std::int64_t>(i));
  for (auto* sample : samples)
    if (sample->problem.empty()) resolve(*sample, classes, indices);
}

}  // namespace gasm
