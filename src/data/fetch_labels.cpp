// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "gasm/archive/zip_reader.hpp"
#include "gasm/base/file.hpp"
#include "gasm/data/annotation_profile.hpp"
#include "gasm/data/annotations.hpp"
#include "gasm/data/fetch_check.hpp"
#include "video_folder.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

bool is_annotation_name(fs::path const& name) {
  if (name.string().starts_with('.')) return false;
  return name.extension() == ".json" || name.string().ends_with("-answers.csv");
}

/// Equal bytes may be there already; others are not replaced.
void put(fs::path const& path, std::vector<std::byte> const& bytes) {
  std::string_view const text(reinterpret_cast<char const*>(bytes.data()),
                              bytes.size());
  if (!fs::exists(path)) return value_or_throw(publish_file(path, text));
  if (value_or_throw(read_text(path)) != text)
    throw error(
        "{} is there and differs from the archive's. Try another folder for "
        "--labels",
        path.string());
}

void compare_with_ssv2(LabelsReport& report) {
  auto const expect = [&](std::string const& what, std::int64_t found,
                          std::int64_t known) {
    if (found != known)
      report.problems.push_back(fmt::format(
          "{} has {}, but Something-Something V2 has {}", what, found, known));
  };
  expect("labels.json", report.num_classes, num_ssv2_classes);
  for (auto const& [name, known] : num_ssv2_records) {
    std::string const split(name);
    expect(
        split + ".json",
        report.num_records.contains(split) ? report.num_records.at(split) : 0,
        known);
  }
}

}  // namespace

std::vector<std::string> unpack_labels(fs::path const& archive,
                                       fs::path const& folder) {
  auto const members = value_or_throw(read_zip(archive));
  std::vector<std::string> others;
  std::map<std::string, ZipMember const*> wanted;
  for (auto const& member : members) {
    // Only the last part of a name decides where a file goes.
    auto const name = fs::path(member.name).filename();
    bool const is_resource_fork = member.name.starts_with("__MACOSX/");
    if (!is_annotation_name(name) || is_resource_fork)
      others.push_back(member.name);
    else if (!wanted.emplace(name.string(), &member).second)
      throw error("{} holds two files called {}. Try to fetch it again",
                  archive.string(), name.string());
  }
  if (wanted.empty())
    throw error(
        "{} holds no annotations (labels.json, train.json, ...). Try the "
        "labels archive of the data set",
        archive.string());
  value_or_throw(make_folder(folder));
  for (auto const& [name, member] : wanted) put(folder / name, member->bytes);
  return others;
}

LabelsReport check_labels(fs::path const& folder, FetchProfile profile) {
  LabelsReport report;
  auto const fault = [&](auto const& result) {
    if (!result) report.problems.emplace_back(result.error().what());
    return !result;
  };
  auto const classes = load_labels(folder);
  auto const splits = list_splits(folder);
  if (fault(classes) || fault(splits)) return report;
  report.num_classes = std::ssize(*classes);
  std::set<std::string> ids;
  for (auto const& name : *splits) {
    auto const split = load_split(folder, name);
    if (fault(split)) continue;
    report.num_records[name] = std::ssize(split->records);
    for (auto const& record : split->records) ids.insert(record.id);
  }
  report.ids.assign(ids.begin(), ids.end());
  std::ranges::sort(report.ids, id_less);
  bool const looks_like_ssv2 = report.num_classes == num_ssv2_classes;
  if (profile == FetchProfile::ssv2 ||
      (profile == FetchProfile::detect && looks_like_ssv2))
    compare_with_ssv2(report);
  return report;
}

}  // namespace gasm
