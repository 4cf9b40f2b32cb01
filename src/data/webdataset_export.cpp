// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <set>

#include "gasm/archive/tar_writer.hpp"
#include "gasm/base/file.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/data/webdataset.hpp"
#include "gasm/store/clip_store.hpp"
#include "webdataset_names.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

/// The clips first .. last - 1.
struct Shard {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

std::vector<Shard> cut_into_shards(ClipStore const& store,
                                   std::uint64_t max_shard_bytes) {
  std::vector<Shard> shards;
  std::uint64_t num_bytes = 0;
  for (std::int64_t i = 0; i < store.size(); ++i) {
    auto const size = store.info(i).num_bytes;
    if (shards.empty() || num_bytes + size > max_shard_bytes) {
      shards.push_back({i, i});
      num_bytes = 0;
    }
    num_bytes += size;
    shards.back().last = i + 1;
  }
  return shards;
}

void refuse_equal_keys(ClipStore const& store) {
  std::set<std::string> keys;
  for (auto const& clip : store.contents().clips)
    if (!keys.insert(sample_key(clip.id)).second)
      throw error(
          "{}: two clips would have the key {} (dots of ids become '_')",
          store.path().string(), sample_key(clip.id));
}

/// Written beside the shards, for neither tar nor JSON of one sample knows
/// the classes that have no clip.
std::string labels_text(std::vector<std::string> const& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += fmt::format("{}{}:\"{}\"", text.empty() ? "{\n" : ",\n",
                        nlohmann::json(names[i]).dump(), i);
  return text.empty() ? "{}\n" : text + "\n}\n";
}

/// What would make readers mix this export with an older one.
void refuse_leftovers(fs::path const& next_shard, std::int64_t num_shards,
                      fs::path const& labels, std::string const& text) {
  if (fs::exists(next_shard))
    throw error(
        "{} is there, but this export has {} shards (readers would mix the "
        "two). Try to remove the old shards",
        next_shard.string(), num_shards);
  if (fs::exists(labels) && value_or_throw(read_text(labels)) != text)
    throw error(
        "{} is there and has other classes. Try another folder for the shards",
        labels.string());
}

std::string sample_json(ClipInfo const& clip,
                        std::vector<std::string> const& classes) {
  nlohmann::ordered_json json;
  json["id"] = clip.id;
  json["label"] = nullptr;
  json["class"] = nullptr;
  if (clip.label >= 0) {
    json["label"] = clip.label;
    json["class"] = classes.at(static_cast<std::size_t>(clip.label));
  }
  json["num_frames"] = clip.num_frames;
  return json.dump();
}

void write_sample(TarWriter& tar, ClipStore const& store, std::int64_t i) {
  auto const& clip = store.info(i);
  auto const bytes = value_or_throw(store.bytes(i));
  auto const extension = video_extension(bytes);
  if (extension.empty())
    throw error("clip {} of {} has no file name (its container is not known)",
                clip.id, store.path().string());
  auto const json = sample_json(clip, store.classes());
  auto const label = std::to_string(clip.label);
  std::map<std::string, std::span<std::byte const>> fields;
  fields[extension] = bytes;
  fields["json"] = std::as_bytes(std::span(json));
  if (clip.label >= 0) fields["cls"] = std::as_bytes(std::span(label));
  for (auto const& [field, contents] : fields)
    value_or_throw(tar.add(sample_key(clip.id) + '.' + field, contents));
}

/// Writes this rank's shards under temporary names.
class ShardWriter {
 public:
  ShardWriter(ShardPattern pattern, std::vector<Shard> shards)
      : pattern_(std::move(pattern)), shards_(std::move(shards)) {}
  ~ShardWriter() {
    std::error_code ignored;
    for (auto const& [temporary, path] : written_)
      fs::remove(temporary, ignored);
  }
  ShardWriter(ShardWriter const&) = delete;
  ShardWriter& operator=(ShardWriter const&) = delete;

  void write(Communicator const& comm, ClipStore const& store,
             WdsExportOptions const& options) {
    auto const step = static_cast<std::size_t>(comm.size());
    auto const rank = static_cast<std::size_t>(comm.rank());
    std::int64_t total = 0;
    for (auto i = rank; i < shards_.size(); i += step)
      total += shards_[i].last - shards_[i].first;
    std::int64_t done = 0;
    auto const tell = [&] {
      if (options.on_progress) options.on_progress(done, total);
    };
    tell();
    for (auto i = rank; i < shards_.size(); i += step) {
      auto const path = pattern_.shard(static_cast<std::int64_t>(i));
      auto temporary = path;
      temporary += ".tmp";
      written_.emplace_back(temporary, path);
      auto tar = value_or_throw(TarWriter::create(temporary));
      for (auto clip = shards_[i].first; clip < shards_[i].last; ++clip) {
        write_sample(tar, store, clip);
        ++done;
        tell();
      }
      value_or_throw(tar.close());
    }
  }

  void publish() {
    for (auto const& [temporary, path] : written_)
      value_or_throw(publish_rename(temporary, path));
    written_.clear();
  }

 private:
  ShardPattern pattern_;
  std::vector<Shard> shards_;
  std::vector<std::pair<fs::path, fs::path>> written_;
};

}  // namespace

WdsExportSummary export_webdataset(Communicator const& comm,
                                   ClipStore const& store,
                                   std::string const& name,
                                   WdsExportOptions const& options) {
  auto const pattern = agree(comm, parse_shard_pattern(name));
  auto const shards = cut_into_shards(store, options.max_shard_bytes);
  auto const labels = pattern.shard(0).parent_path() / "labels.json";
  auto const text = labels_text(store.classes());
  agree_call(comm, [&] {
    if (!comm.is_root()) return;
    refuse_equal_keys(store);
    refuse_leftovers(pattern.shard(std::ssize(shards)), std::ssize(shards),
                     labels, text);
  });
  ShardWriter writer(pattern, shards);
  agree_call(comm, [&] { writer.write(comm, store, options); });
  agree_call(comm, [&] {
    writer.publish();
    if (comm.is_root()) value_or_throw(publish_file(labels, text));
  });
  return {std::ssize(shards), store.size()};
}

}  // namespace gasm
