// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/subset.hpp"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_map>

#include "gasm/base/file.hpp"
#include "gasm/base/nearest.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using LabelOf = std::unordered_map<std::string, std::int64_t>;

constexpr std::size_t kMostNamed = 5;

// ---- joining

LabelOf index_classes(std::vector<std::string> const& classes) {
  LabelOf label_of;
  for (std::size_t i = 0; i < classes.size(); ++i)
    label_of.emplace(classes[i], static_cast<std::int64_t>(i));
  return label_of;
}

/// Id -> label of every record with a class in the data set's own splits.
LabelOf official_labels(fs::path const& labels_dir) {
  LabelOf label_of;
  auto const splits = list_splits(labels_dir);
  if (!splits) return label_of;  // a folder of labels.json alone
  for (auto const& name : *splits)
    for (auto const& record :
         value_or_throw(load_split(labels_dir, name)).records)
      if (record.label >= 0) label_of.emplace(record.id, record.label);
  return label_of;
}

std::string list_unknown(std::map<std::string, std::int64_t> const& unknown,
                         std::vector<std::string> const& classes) {
  std::string text;
  std::size_t num_named = 0;
  for (auto const& [name, num_records] : unknown) {
    if (num_named++ == kMostNamed) break;
    auto const near = nearest(name, classes);
    text += fmt::format("{}'{}' ({} records{})", text.empty() ? "" : "; ", name,
                        num_records,
                        near.empty() ? "" : ", the nearest class is " + near);
  }
  if (unknown.size() > kMostNamed)
    text += fmt::format("; and {} more", unknown.size() - kMostNamed);
  return text;
}

SubsetSplit join(SubsetSource const& source,
                 std::vector<std::string> const& classes,
                 LabelOf const& label_of, LabelOf const& official,
                 UnknownTemplates unknown) {
  SubsetSplit split;
  split.joined.split = source.split;
  auto records = value_or_throw(load_records(source.file));
  for (std::size_t i = 0; i < records.size(); ++i) {
    auto& record = records[i];
    if (record.template_text.empty())
      throw error(
          "{}: record {} (id {}) has no 'template', by which it could be "
          "joined",
          source.file.string(), i + 1, record.id);
    auto const name = without_brackets(record.template_text);
    auto const found = label_of.find(name);
    if (found == label_of.end()) {
      ++split.unknown[name];
      continue;
    }
    record.label = found->second;
    if (auto const known = official.find(record.id); known != official.end()) {
      ++split.num_known_ids;
      if (known->second != record.label)
        throw error(
            "{}: record {} (id {}) is '{}', but the data set's annotations "
            "call this id '{}'. Try lists that number the same videos",
            source.file.string(), i + 1, record.id, name,
            classes[static_cast<std::size_t>(known->second)]);
    }
    split.joined.records.push_back(std::move(record));
  }
  if (!split.unknown.empty() && unknown == UnknownTemplates::refuse)
    throw error(
        "{}: {} templates are no class of labels.json: {}. Try the labels.json "
        "of the same data set, or --allow-unknown to leave these records out",
        source.file.string(), split.unknown.size(),
        list_unknown(split.unknown, classes));
  if (split.joined.records.empty())
    throw error("{}: no record has a template that is a class of labels.json",
                source.file.string());
  return split;
}

std::int64_t count_shared_ids(std::vector<SubsetSplit> const& splits) {
  std::unordered_map<std::string, int> num_splits_of;
  for (auto const& split : splits)
    for (auto const& record : split.joined.records) ++num_splits_of[record.id];
  return std::ranges::count_if(num_splits_of,
                               [](auto const& id) { return id.second > 1; });
}

/// Old label -> new one; -1 where no record has it.
std::vector<std::int64_t> renumber(std::vector<std::string> const& classes,
                                   std::vector<SubsetSplit> const& splits,
                                   SubsetClasses kept) {
  std::vector<bool> is_used(classes.size(), kept == SubsetClasses::all);
  for (auto const& split : splits)
    for (auto const& record : split.joined.records)
      is_used[static_cast<std::size_t>(record.label)] = true;
  std::vector<std::size_t> order(classes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (kept == SubsetClasses::used)
    std::ranges::sort(order, {}, [&](std::size_t i) { return classes[i]; });
  std::vector<std::int64_t> new_label(classes.size(), -1);
  std::int64_t next = 0;
  for (auto const old : order)
    if (is_used[old]) new_label[old] = next++;
  return new_label;
}

AnnotationSubset make_subset_or_throw(fs::path const& labels_dir,
                                      std::span<SubsetSource const> sources,
                                      SubsetOptions const& options) {
  auto const classes = value_or_throw(load_labels(labels_dir));
  auto const label_of = index_classes(classes);
  auto const official = official_labels(labels_dir);
  AnnotationSubset subset;
  subset.has_official_ids = !official.empty();
  for (auto const& source : sources)
    subset.splits.push_back(
        join(source, classes, label_of, official, options.unknown));
  subset.num_shared_ids = count_shared_ids(subset.splits);
  auto const new_label = renumber(classes, subset.splits, options.classes);
  subset.classes.resize(static_cast<std::size_t>(
      std::ranges::count_if(new_label, [](auto i) { return i >= 0; })));
  for (std::size_t old = 0; old < classes.size(); ++old)
    if (new_label[old] >= 0)
      subset.classes[static_cast<std::size_t>(new_label[old])] = classes[old];
  for (auto& split : subset.splits) {
    split.joined.classes = subset.classes;
    for (auto& record : split.joined.records)
      record.label = new_label[static_cast<std::size_t>(record.label)];
  }
  return subset;
}

// ---- writing

std::string dump(Json const& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string labels_text(std::vector<std::string> const& classes) {
  std::string text = "{\n";
  for (std::size_t i = 0; i < classes.size(); ++i)
    text +=
        fmt::format("{}{}:\"{}\"", i == 0 ? "" : ",\n", dump(classes[i]), i);
  return text + "\n}\n";
}

std::string records_text(std::vector<Annotation> const& records) {
  std::string text = "[\n";
  for (std::size_t i = 0; i < records.size(); ++i) {
    auto const& record = records[i];
    Json json;
    json["id"] = record.id;
    json["label"] = record.text;
    json["template"] = record.template_text;
    json["placeholders"] = record.placeholders;
    text += (i == 0 ? "" : ",\n") + dump(json);
  }
  return text + "\n]\n";
}

Result<void> write_files(AnnotationSubset const& subset,
                         fs::path const& folder) {
  auto done = publish_file(folder / "labels.json", labels_text(subset.classes));
  for (auto const& split : subset.splits) {
    if (!done) return done;
    done = publish_file(folder / (split.joined.split + ".json"),
                        records_text(split.joined.records));
  }
  return done;
}

}  // namespace

Result<AnnotationSubset> make_subset(fs::path const& labels_dir,
                                     std::span<SubsetSource const> sources,
                                     SubsetOptions const& options) {
  try {
    return make_subset_or_throw(labels_dir, sources, options);
  } catch (Error const& why) {
    return tl::unexpected(why);
  }
}

Result<void> write_subset(AnnotationSubset const& subset,
                          fs::path const& folder) {
  std::error_code why;
  if (fs::exists(folder, why) && !fs::is_empty(folder, why))
    return failure(
        "{} is there already and not empty (its files would be overwritten). "
        "Try another folder",
        folder.string());
  auto const name = folder.lexically_normal().string();
  fs::path const unfinished = fmt::format(
      "{}.tmp-{}", name.ends_with('/') ? name.substr(0, name.size() - 1) : name,
      ::getpid());
  auto done = make_folder(unfinished);
  if (done) done = write_files(subset, unfinished);
  if (done) done = publish_rename(unfinished, folder);
  if (!done) fs::remove_all(unfinished, why);
  return done;
}

}  // namespace gasm
