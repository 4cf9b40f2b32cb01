// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/video_spool.hpp"

#include <nlohmann/json.hpp>

#include "gasm/base/hash.hpp"
#include "gasm/store/data_file.hpp"

namespace gasm {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kFirstLine = "gasm video spool 1";

/// A line with its checksum before it.
std::string sealed(std::string const& text) {
  return to_hex(xxh64(text)) + ' ' + text + '\n';
}

/// The text of a sealed line without its end, none if it is no such line.
std::optional<std::string_view> unsealed(std::string_view line) {
  constexpr std::size_t digits = 16;
  if (line.size() < digits + 1 || line[digits] != ' ') return std::nullopt;
  auto const text = line.substr(digits + 1);
  if (line.substr(0, digits) != to_hex(xxh64(text))) return std::nullopt;
  return text;
}

std::string line_of(SpoolEntry const& entry) {
  return sealed(Json{{"name", entry.name},
                     {"offset", entry.offset},
                     {"bytes", entry.num_bytes},
                     {"xxh64", to_hex(entry.xxh64)}}
                    .dump());
}

std::string last_line(std::size_t num_videos) {
  return sealed(Json{{"complete", num_videos}}.dump());
}

/// Adds what a line says; false if it does not fit what is before it.
bool add_line(std::string_view text, SpoolIndex& index) {
  auto const json = Json::parse(text, nullptr, false);
  if (index.is_complete || !json.is_object()) return false;
  if (json.contains("complete")) {
    index.is_complete = json["complete"] == index.entries.size();
    return index.is_complete;
  }
  SpoolEntry entry;
  try {
    json.at("name").get_to(entry.name);
    json.at("offset").get_to(entry.offset);
    json.at("bytes").get_to(entry.num_bytes);
    entry.xxh64 = std::stoull(json.at("xxh64").get<std::string>(), nullptr, 16);
  } catch (std::exception const&) {
    return false;
  }
  if (entry.offset != index.num_bytes()) return false;
  index.entries.push_back(std::move(entry));
  return true;
}

/// A journal and how many of its bytes are whole lines.
struct Parsed {
  SpoolIndex index;
  std::size_t num_good_bytes = 0;
};

Result<Parsed> parse(std::string_view text, std::filesystem::path const& path) {
  Parsed parsed;
  bool is_first = true;
  for (std::size_t at = 0; at < text.size();) {
    auto const end = text.find('\n', at);
    if (end == std::string_view::npos) break;
    auto const line = unsealed(text.substr(at, end - at));
    if (is_first && line != kFirstLine)
      return failure(
          "{} is no index of a spool of videos. Try another name for the spool",
          path.string());
    if (!line || (!is_first && !add_line(*line, parsed.index))) break;
    is_first = false;
    at = end + 1;
    parsed.num_good_bytes = at;
  }
  bool const is_torn_start =
      is_first && !sealed(std::string(kFirstLine)).starts_with(text);
  if (is_torn_start)
    return failure(
        "{} is no index of a spool of videos. Try another name for the spool",
        path.string());
  return parsed;
}

/// The journal's text, empty if there is none. Never somebody else's file.
Result<std::string> existing_journal(std::filesystem::path const& spool) {
  namespace fs = std::filesystem;
  auto const journal = spool_index_path(spool);
  if (fs::exists(journal)) return read_text(journal);
  if (fs::exists(spool) && fs::file_size(spool) > 0)
    return failure(
        "{} exists and is no spool of videos (there is no {}). Try another "
        "name",
        spool.string(), journal.string());
  return std::string();
}

std::filesystem::path lock_path(std::filesystem::path spool) {
  spool += ".lock";
  return spool;
}

}  // namespace

std::uint64_t SpoolIndex::num_bytes() const {
  return entries.empty() ? 0 : entries.back().offset + entries.back().num_bytes;
}

std::filesystem::path spool_index_path(std::filesystem::path const& spool) {
  auto path = spool;
  path += ".index";
  return path;
}

Result<SpoolIndex> parse_spool_index(std::string_view text,
                                     std::filesystem::path const& path) {
  auto parsed = parse(text, path);
  if (!parsed) return tl::unexpected(parsed.error());
  return std::move(parsed->index);
}

Result<SpoolWriter> SpoolWriter::open(std::filesystem::path const& path) {
  auto lock = FileLock::take(lock_path(path), 0);
  if (!lock) return tl::unexpected(lock.error());
  auto const text = existing_journal(path);
  if (!text) return tl::unexpected(text.error());
  auto parsed = parse(*text, spool_index_path(path));
  if (!parsed) return tl::unexpected(parsed.error());
  auto journal =
      FileWriter::open(spool_index_path(path), FileWriter::Mode::append);
  if (!journal) return tl::unexpected(journal.error());
  auto data = FileWriter::open(path, FileWriter::Mode::append);
  if (!data) return tl::unexpected(data.error());

  // Lines whose bytes a power cut took away are not believed.
  auto& index = parsed->index;
  auto const size = data->size_bytes();
  bool const is_short = index.num_bytes() > size;
  SpoolWriter writer(path, std::move(*lock), std::move(*data),
                     std::move(*journal));
  writer.index_ = std::move(index);
  Result<void> done;
  if (is_short) {
    std::size_t num = writer.index_.entries.size();
    while (num > 0 && writer.index_.entries[num - 1].offset +
                              writer.index_.entries[num - 1].num_bytes >
                          size)
      --num;
    done = writer.cut(num);
  } else {
    // Cutting nothing off would still change the times of the files.
    if (text->size() != parsed->num_good_bytes)
      done = writer.journal_.truncate(parsed->num_good_bytes);
    if (done && size != writer.index_.num_bytes())
      done = writer.data_.truncate(writer.index_.num_bytes());
    if (done && parsed->num_good_bytes == 0)
      done = writer.journal_.write(sealed(std::string(kFirstLine)));
  }
  if (!done) return tl::unexpected(done.error());
  return writer;
}

Result<void> SpoolWriter::append(std::string const& name,
                                 std::span<std::byte const> bytes) {
  GASM_ASSERT(!index_.is_complete);
  SpoolEntry const entry{name, index_.num_bytes(), bytes.size(), xxh64(bytes)};
  if (auto done = data_.write(bytes); !done) return done;
  if (auto done = journal_.write(line_of(entry)); !done) return done;
  index_.entries.push_back(entry);
  return {};
}

bool SpoolWriter::holds(std::size_t i, std::span<std::byte const> bytes) const {
  auto const& entry = index_.entries.at(i);
  if (entry.num_bytes != bytes.size()) return false;
  auto const file = DataFile::open(path_);
  std::vector<std::byte> there(bytes.size());
  return file && file->read(entry.offset, there) &&
         std::equal(there.begin(), there.end(), bytes.begin());
}

Result<void> SpoolWriter::cut(std::size_t num_entries) {
  auto text = sealed(std::string(kFirstLine));
  index_.entries.resize(num_entries);
  index_.is_complete = false;
  for (auto const& entry : index_.entries) text += line_of(entry);
  if (auto done = journal_.truncate(text.size()); !done) return done;
  return data_.truncate(index_.num_bytes());
}

Result<void> SpoolWriter::complete() {
  if (!index_.is_complete) {
    if (auto done = data_.sync(); !done) return done;
    auto const line = last_line(index_.entries.size());
    if (auto done = journal_.write(line); !done) return done;
    if (auto done = journal_.sync(); !done) return done;
    index_.is_complete = true;
  }
  std::error_code ignored;
  std::filesystem::remove(lock_path(path_), ignored);
  return {};
}

}  // namespace gasm
