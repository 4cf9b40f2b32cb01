// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/annotations.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "annotation_files.hpp"
#include "gasm/base/nearest.hpp"

namespace gasm {
namespace {

using Json = nlohmann::json;
using LabelOf = std::unordered_map<std::string, std::int64_t>;

// Functions of this file throw; the public ones turn that into a Result.

template <class Body>
auto as_result(Body&& body) -> Result<decltype(body())> {
  try {
    return body();
  } catch (Error const& why) {
    return tl::unexpected(why);
  }
}

std::filesystem::path find_or_throw(std::filesystem::path const& folder,
                                    std::string const& name) {
  auto path = find_annotation_file(folder, name);
  if (path.empty())
    throw error(
        "{} holds neither {} nor {}{}. Try the folder of the annotation files",
        folder.string(), name, long_name_prefix, name);
  return path;
}

// ---- labels.json

std::int64_t parse_label(std::string const& path, std::string const& name,
                         Json const& value) {
  std::int64_t label = -1;
  if (value.is_number_integer()) {
    label = value.get<std::int64_t>();
  } else if (value.is_string()) {
    auto const& text = value.get_ref<std::string const&>();
    bool const is_number =
        !text.empty() && text.size() <= 9 &&
        std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    if (!is_number)
      throw error("{}: the label of '{}' is \"{}\" (must be a number)", path,
                  name, text);
    label = std::stoll(text);
  } else {
    throw error("{}: the label of '{}' is {} (must be a string like \"7\")",
                path, name, kind_of(value));
  }
  return label;
}

std::vector<std::string> load_labels_or_throw(
    std::filesystem::path const& folder) {
  auto const path = find_or_throw(folder, "labels.json");
  auto const json = value_or_throw(read_json(path));
  if (!json.is_object())
    throw error("{} holds {} (must be an object of class name -> label)",
                path.string(), kind_of(json));
  if (json.empty()) throw error("{} holds no class", path.string());
  std::vector<std::string> classes(json.size());
  std::vector<bool> is_taken(json.size(), false);
  for (auto const& [name, value] : json.items()) {
    auto const label = parse_label(path.string(), name, value);
    if (label < 0 || label >= static_cast<std::int64_t>(json.size()))
      throw error("{}: '{}' has label {}, but {} classes have labels 0 to {}",
                  path.string(), name, label, json.size(), json.size() - 1);
    auto const index = static_cast<std::size_t>(label);
    if (is_taken[index])
      throw error("{}: '{}' and '{}' both have label {}", path.string(),
                  classes[index], name, label);
    is_taken[index] = true;
    classes[index] = name;
  }
  return classes;
}

// ---- SPLIT.json

/// "path: record 17 (id 7)", counting from 1.
std::string place(std::string const& path, std::size_t index,
                  std::string const& id) {
  return id.empty() ? fmt::format("{}: record {}", path, index + 1)
                    : fmt::format("{}: record {} (id {})", path, index + 1, id);
}

std::string get_text(Json const& record, char const* key,
                     std::string const& where) {
  auto const found = record.find(key);
  if (found == record.end()) return {};
  if (!found->is_string())
    throw error("{}: '{}' is {} (must be a string)", where, key,
                kind_of(*found));
  return found->get<std::string>();
}

/// A string, or a number: other tools write both.
std::string get_id(Json const& record, std::string const& where) {
  auto const found = record.find("id");
  if (found != record.end() && found->is_number_integer()) return found->dump();
  return get_text(record, "id", where);
}

/// An id names a file: nothing that leads out of the folder.
void check_id(std::string const& id, std::string const& where) {
  if (id.empty()) throw error("{}: there is no 'id'", where);
  if (id.front() == '.' || id.find('/') != std::string::npos ||
      id.find('\0') != std::string::npos)
    throw error("{}: '{}' cannot be a file name", where, id);
}

std::vector<std::string> get_placeholders(Json const& record,
                                          std::string const& where) {
  auto const found = record.find("placeholders");
  if (found == record.end()) return {};
  bool const is_list =
      found->is_array() &&
      std::ranges::all_of(*found, [](Json const& p) { return p.is_string(); });
  if (!is_list)
    throw error("{}: 'placeholders' must be an array of strings", where);
  return found->get<std::vector<std::string>>();
}

Annotation parse_record(Json const& record, std::string const& path,
                        std::size_t index) {
  auto where = place(path, index, "");
  if (!record.is_object())
    throw error("{} is {} (must be an object)", where, kind_of(record));
  Annotation annotation;
  annotation.id = get_id(record, where);
  check_id(annotation.id, where);
  where = place(path, index, annotation.id);
  annotation.text = get_text(record, "label", where);
  annotation.template_text = get_text(record, "template", where);
  annotation.placeholders = get_placeholders(record, where);
  return annotation;
}

std::int64_t label_of_class(LabelOf const& label_of,
                            std::vector<std::string> const& classes,
                            std::string const& name, std::string const& where) {
  auto const found = label_of.find(name);
  if (found != label_of.end()) return found->second;
  auto const near = nearest(name, classes);
  throw error("{}: '{}' is no class of labels.json{}", where, name,
              near.empty() ? "" : fmt::format(". Did you mean '{}'?", near));
}

LabelOf index_classes(std::vector<std::string> const& classes) {
  LabelOf label_of;
  for (std::size_t i = 0; i < classes.size(); ++i)
    label_of.emplace(classes[i], static_cast<std::int64_t>(i));
  return label_of;
}

std::vector<Annotation> parse_records(std::filesystem::path const& path) {
  auto const json = value_or_throw(read_json(path));
  if (!json.is_array())
    throw error("{} holds {} (must be an array of records)", path.string(),
                kind_of(json));
  if (json.empty()) throw error("{} holds no record", path.string());
  std::vector<Annotation> records;
  records.reserve(json.size());
  std::unordered_map<std::string, std::size_t> first_with;
  for (std::size_t i = 0; i < json.size(); ++i) {
    records.push_back(parse_record(json[i], path.string(), i));
    auto const [earlier, is_new] = first_with.emplace(records[i].id, i);
    if (!is_new)
      throw error("{} repeats the id of record {}",
                  place(path.string(), i, records[i].id), earlier->second + 1);
  }
  return records;
}

void label_by_template(AnnotatedSplit& split, std::string const& path) {
  auto const label_of = index_classes(split.classes);
  for (std::size_t i = 0; i < split.records.size(); ++i) {
    auto& record = split.records[i];
    auto const where = place(path, i, record.id);
    if (record.template_text.empty())
      throw error("{} has no 'template', but others have one", where);
    record.label = label_of_class(
        label_of, split.classes, without_brackets(record.template_text), where);
  }
}

void label_by_answers(AnnotatedSplit& split,
                      std::filesystem::path const& path) {
  auto const label_of = index_classes(split.classes);
  std::unordered_map<std::string, Annotation*> record_of;
  for (auto& record : split.records) record_of.emplace(record.id, &record);
  for (auto const& answer : value_or_throw(read_answers(path))) {
    auto const where = fmt::format("{}:{}", path.string(), answer.line);
    auto const found = record_of.find(answer.id);
    if (found == record_of.end())
      throw error("{}: the split '{}' has no record with id {}", where,
                  split.split, answer.id);
    if (found->second->label >= 0)
      throw error("{}: a second answer for id {}", where, answer.id);
    found->second->label =
        label_of_class(label_of, split.classes, answer.class_name, where);
  }
  for (auto const& record : split.records)
    if (record.label < 0)
      throw error("{} has no answer for id {}", path.string(), record.id);
}

AnnotatedSplit load_split_or_throw(std::filesystem::path const& folder,
                                   std::string const& name) {
  auto const path = find_or_throw(folder, name + ".json");
  AnnotatedSplit split;
  split.split = name;
  split.classes = load_labels_or_throw(folder);
  split.records = parse_records(path);
  bool const has_templates = std::ranges::any_of(
      split.records,
      [](Annotation const& record) { return !record.template_text.empty(); });
  auto const answers = find_annotation_file(folder, name + "-answers.csv");
  if (has_templates)
    label_by_template(split, path.string());
  else if (!answers.empty())
    label_by_answers(split, answers);
  return split;
}

/// A NAME.json that is an object is something else (labels, a manifest). All
/// others count, also empty and unreadable ones, so that loading them says
/// what is wrong.
bool may_be_split(std::filesystem::path const& path) {
  auto const name = path.filename().string();
  std::error_code ignored;
  if (path.extension() != ".json" || name.starts_with('.') ||
      std::filesystem::is_directory(path, ignored))
    return false;
  std::ifstream file(path);
  std::string start(byte_order_mark.size(), '\0');
  file.read(start.data(), std::ssize(start));
  if (start != byte_order_mark) {
    file.clear();
    file.seekg(0);
  }
  char first = 0;
  return !(file >> first) || first != '{';
}

}  // namespace

Result<std::vector<std::string>> load_labels(
    std::filesystem::path const& folder) {
  return as_result([&] { return load_labels_or_throw(folder); });
}

Result<AnnotatedSplit> load_split(std::filesystem::path const& folder,
                                  std::string const& split) {
  return as_result([&] { return load_split_or_throw(folder, split); });
}

Result<std::vector<Annotation>> load_records(
    std::filesystem::path const& path) {
  return as_result([&] { return parse_records(path); });
}

Result<std::vector<std::string>> list_splits(
    std::filesystem::path const& folder) {
  std::error_code why;
  std::filesystem::directory_iterator entry(folder, why);
  std::set<std::string> splits;
  for (; !why && entry != std::filesystem::directory_iterator();
       entry.increment(why)) {
    auto name = entry->path().stem().string();
    if (!may_be_split(entry->path())) continue;
    if (name.starts_with(long_name_prefix))
      name = name.substr(std::string_view(long_name_prefix).size());
    if (name != "labels") splits.insert(name);
  }
  if (why)
    return failure(
        "cannot read the folder {} ({}). Try the folder of labels.json and "
        "train.json",
        folder.string(), why.message());
  if (splits.empty())
    return failure(
        "{} holds no annotations (no NAME.json with an array of records). Try "
        "the folder of labels.json and train.json",
        folder.string());
  return std::vector<std::string>(splits.begin(), splits.end());
}

Result<std::vector<std::filesystem::path>> list_annotation_files(
    std::filesystem::path const& folder) {
  auto const splits = list_splits(folder);
  if (!splits) return tl::unexpected(splits.error());
  std::vector<std::filesystem::path> files;
  auto const add = [&](std::string const& name) {
    auto path = find_annotation_file(folder, name);
    if (!path.empty()) files.push_back(std::move(path));
  };
  add("labels.json");
  for (auto const& split : *splits) {
    add(split + ".json");
    add(split + "-answers.csv");
  }
  return files;
}

std::string without_brackets(std::string const& template_text) {
  std::string text = template_text;
  std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
  return text;
}

}  // namespace gasm
