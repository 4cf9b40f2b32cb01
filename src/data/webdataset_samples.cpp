// SPDX-License-Identifier: Apache-2.0
#include "webdataset_samples.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "gasm/archive/archive_parts.hpp"
#include "gasm/archive/tar_reader.hpp"
#include "gasm/base/error.hpp"
#include "gasm/data/annotations.hpp"
#include "video_folder.hpp"
#include "webdataset_names.hpp"

namespace gasm {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxFieldBytes = std::uint64_t{1} << 24;
constexpr std::size_t kMaxFields = 1000;

/// What follows the last dot, in lower case.
std::string last_extension(std::string const& field) {
  auto extension = field.substr(field.rfind('.') + 1);
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return extension;
}

/// What stands before the last dot; empty if there is none.
std::string field_prefix(std::string const& field) {
  auto const dot = field.rfind('.');
  return dot == std::string::npos ? "" : field.substr(0, dot);
}

struct Field {
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t num_bytes = 0;
  bool is_sparse = false;
  std::string text;  ///< of a label

  bool is_video() const { return is_video_name("x." + last_extension(name)); }
};

std::optional<std::int64_t> whole_number(std::string_view text) {
  while (!text.empty() &&
         (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  std::int64_t value = 0;
  auto const [end, why] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (why != std::errc() || end != text.data() + text.size() || text.empty())
    return std::nullopt;
  return value;
}

/// Notes a class index; the same from two fields must be the same.
void note_label(WdsSample& sample, std::int64_t label) {
  if (label < 0) return;
  if (sample.label && *sample.label != label)
    sample.problem =
        fmt::format("its labels differ ({} and {})", *sample.label, label);
  sample.label = label;
}

void note_name(WdsSample& sample, std::string const& name) {
  if (sample.class_name && *sample.class_name != name)
    sample.problem = fmt::format("its classes differ ('{}' and '{}')",
                                 *sample.class_name, name);
  sample.class_name = name;
}

void note_text(WdsSample& sample, std::string const& text) {
  if (auto const number = whole_number(text))
    note_label(sample, *number);
  else
    note_name(sample, text);
}

void read_cls(std::string text, WdsSample& sample) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  note_text(sample, text);
}

void read_json_field(std::string const& text, WdsSample& sample) {
  auto const json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    sample.problem = "its .json is no JSON object";
    return;
  }
  for (auto const* key : {"label", "cls"})
    if (auto const found = json.find(key); found != json.end()) {
      if (found->is_number_integer())
        note_label(sample, found->get<std::int64_t>());
      else if (found->is_string())
        note_text(sample, found->get<std::string>());
    }
  for (auto const* key : {"class", "template"})
    if (auto const found = json.find(key);
        found != json.end() && found->is_string())
      note_name(sample, without_brackets(found->get<std::string>()));
  if (auto const found = json.find("id"); found != json.end()) {
    if (found->is_string())
      sample.id = found->get<std::string>();
    else if (found->is_number_integer())
      sample.id = std::to_string(found->get<std::int64_t>());
  }
}

/// Slashes of keys cannot stand in an id.
std::string id_of_key(std::string key) {
  std::ranges::replace(key, '/', '_');
  return key;
}

bool is_good_id(std::string const& id) {
  return !id.empty() && id[0] != '.' && id.find('/') == std::string::npos &&
         id.find('\0') == std::string::npos;
}

/// The sample of fields of which exactly one is a video.
WdsSample make_sample(std::string const& key, std::vector<Field> const& fields,
                      Field const& video) {
  WdsSample sample;
  sample.id = id_of_key(key);
  sample.extension = last_extension(video.name);
  sample.offset = video.offset;
  sample.num_bytes = video.num_bytes;
  if (video.is_sparse) sample.problem = "its video is a sparse file";
  for (auto const& field : fields) {
    auto const extension = last_extension(field.name);
    if (extension == "cls") read_cls(field.text, sample);
    if (extension == "json") read_json_field(field.text, sample);
  }
  if (!is_good_id(sample.id))
    sample.problem = "its id is empty, begins with a dot or holds a '/'";
  return sample;
}

/// Fields with one key are one sample, unless several are videos: then the
/// key has dots, which WebDataset's rule took for the field's, and what
/// stands before the last dot tells the samples apart.
void add_samples(std::string const& key, std::vector<Field> const& fields,
                 std::vector<WdsSample>& samples) {
  auto const num_videos = std::ranges::count_if(fields, &Field::is_video);
  if (num_videos == 0) {
    WdsSample none;
    none.id = id_of_key(key);
    none.problem = "it has no video";
    samples.push_back(none);
    return;
  }
  for (auto const& video : fields) {
    if (!video.is_video()) continue;
    if (num_videos == 1) {
      samples.push_back(make_sample(key, fields, video));
      return;
    }
    auto const prefix = field_prefix(video.name);
    std::vector<Field> own;
    for (auto const& field : fields)
      if (field_prefix(field.name) == prefix) own.push_back(field);
    auto sample =
        make_sample(prefix.empty() ? key : key + '.' + prefix, own, video);
    if (std::ranges::count_if(own, &Field::is_video) > 1)
      sample.problem = "it has several videos";
    samples.push_back(std::move(sample));
  }
}

Error no_tar(std::filesystem::path const& path, std::string const& why) {
  if (starts_like_gzip(path))
    return error("{} is compressed. Try gunzip, or a .tar without it",
                 path.string());
  return error("{} is no sound tar archive ({})", path.string(), why);
}

}  // namespace

std::vector<WdsSample> read_shard(std::filesystem::path const& path) {
  auto opened = TarReader::open(path);
  if (!opened && !std::filesystem::exists(path)) throw opened.error();
  if (!opened) throw no_tar(path, opened.error().what());
  auto reader = std::move(*opened);
  std::vector<WdsSample> samples;
  std::string key;
  std::vector<Field> fields;
  auto const flush = [&] {
    if (!fields.empty()) add_samples(key, fields, samples);
    fields.clear();
  };
  for (;;) {
    auto const member = reader.next();
    if (!member) throw no_tar(path, member.error().what());
    if (!*member) break;
    auto const [name_key, name] = split_field_name((*member)->name);
    if ((*member)->kind != MemberKind::file || name_key.empty()) continue;
    if (name_key != key) flush();
    key = name_key;
    Field field{name, (*member)->offset, (*member)->num_bytes,
                (*member)->is_sparse, ""};
    auto const extension = last_extension(name);
    if (extension == "cls" || extension == "json") {
      auto const bytes = reader.read(kMaxFieldBytes);
      if (!bytes) throw no_tar(path, bytes.error().what());
      field.text.assign(reinterpret_cast<char const*>(bytes->data()),
                        bytes->size());
    }
    fields.push_back(std::move(field));
    if (fields.size() > kMaxFields)
      throw error("{}: sample {} has more than {} fields", path.string(), key,
                  kMaxFields);
  }
  flush();
  return samples;
}

std::string samples_to_text(std::vector<std::vector<WdsSample>> const& shards) {
  auto lists = Json::array();
  for (auto const& shard : shards) {
    auto list = Json::array();
    for (auto const& s : shard)
      list.push_back({s.id, s.extension, s.offset, s.num_bytes,
                      s.label ? Json(*s.label) : Json(),
                      s.class_name ? Json(*s.class_name) : Json(), s.problem});
    lists.push_back(std::move(list));
  }
  return lists.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::vector<WdsSample>> samples_of_text(std::string const& text) {
  std::vector<std::vector<WdsSample>> shards;
  for (auto const& list : Json::parse(text)) {
    auto& shard = shards.emplace_back();
    for (auto const& values : list) {
      auto& s = shard.emplace_back();
      values[0].get_to(s.id);
      values[1].get_to(s.extension);
      values[2].get_to(s.offset);
      values[3].get_to(s.num_bytes);
      if (!values[4].is_null()) s.label = values[4].get<std::int64_t>();
      if (!values[5].is_null()) s.class_name = values[5].get<std::string>();
      values[6].get_to(s.problem);
    }
  }
  return shards;
}

}  // namespace gasm
