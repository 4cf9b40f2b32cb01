// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/annotation_profile.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

namespace gasm {
namespace {

struct KnownLabel {
  std::size_t label;
  std::string_view start;
  std::string_view end;
};
constexpr std::array kKnownLabels = {
    KnownLabel{86, "Pulling", "from left to right"},
    KnownLabel{87, "Pulling", "from right to left"},
    KnownLabel{93, "Pushing", "from left to right"},
    KnownLabel{94, "Pushing", "from right to left"},
    KnownLabel{166, "Turning", "left"},
    KnownLabel{167, "Turning", "right"},
};

bool has_known_labels(std::vector<std::string> const& classes) {
  return std::ssize(classes) == num_ssv2_classes &&
         std::ranges::all_of(kKnownLabels, [&](KnownLabel const& known) {
           auto const& name = classes[known.label];
           return name.starts_with(known.start) &&
                  name.find(known.end) != std::string::npos;
         });
}

std::optional<std::int64_t> expected_count(std::string const& split) {
  for (auto const& [name, count] : num_ssv2_records)
    if (split == name) return count;
  return std::nullopt;
}

SplitCount count_split(AnnotatedSplit const& split) {
  SplitCount count;
  count.split = split.split;
  count.num_records = std::ssize(split.records);
  count.expected = expected_count(split.split);
  std::set<std::int64_t> used;
  for (auto const& record : split.records) {
    if (record.label < 0) continue;
    ++count.num_labelled;
    used.insert(record.label);
  }
  count.num_used_classes = std::ssize(used);
  return count;
}

SplitCount const* find_split(AnnotationProfile const& profile,
                             std::string_view name) {
  auto const found =
      std::ranges::find(profile.splits, name, &SplitCount::split);
  return found == profile.splits.end() ? nullptr : &*found;
}

}  // namespace

AnnotationProfile profile_annotations(std::span<AnnotatedSplit const> splits) {
  AnnotationProfile profile;
  for (auto const& split : splits) profile.splits.push_back(count_split(split));
  if (splits.empty()) return profile;
  profile.num_classes = std::ssize(splits.front().classes);
  profile.is_ssv2 = has_known_labels(splits.front().classes);
  profile.counts_match =
      std::ranges::all_of(num_ssv2_records, [&](auto const& known) {
        auto const* const split = find_split(profile, known.first);
        return split != nullptr && split->num_records == known.second;
      });
  return profile;
}

std::string describe(AnnotationProfile const& profile) {
  if (profile.num_classes != num_ssv2_classes)
    return fmt::format("SSv2: no ({} classes, not {})", profile.num_classes,
                       num_ssv2_classes);
  if (!profile.is_ssv2)
    return "SSv2: no (174 classes, but other ids or other names: the pairs of "
           "left and right are not 86/87, 93/94 and 166/167)";
  if (profile.counts_match) return "SSv2: yes, counts match";
  std::string differences;
  for (auto const& [name, count] : num_ssv2_records) {
    auto const* const split = find_split(profile, name);
    if (split != nullptr && split->num_records == count) continue;
    differences += (differences.empty() ? "" : ", ") +
                   (split == nullptr ? fmt::format("no {}", name)
                                     : fmt::format("{} {} of {}", name,
                                                   split->num_records, count));
  }
  return "SSv2: yes, but counts differ: " + differences;
}

std::string profile_members(AnnotationProfile const& profile) {
  auto splits = nlohmann::ordered_json::array();
  for (auto const& count : profile.splits) {
    nlohmann::ordered_json json;
    json["split"] = count.split;
    json["num_records"] = count.num_records;
    json["num_labelled"] = count.num_labelled;
    json["num_used_classes"] = count.num_used_classes;
    json["expected_ssv2"] = nullptr;
    if (count.expected) json["expected_ssv2"] = *count.expected;
    splits.push_back(json);
  }
  nlohmann::ordered_json ssv2;
  ssv2["is_ssv2"] = profile.is_ssv2;
  ssv2["counts_match"] = profile.counts_match;
  return fmt::format(
      "\"splits\": {},\n\"ssv2\": {}",
      splits.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
      ssv2.dump());
}

}  // namespace gasm
