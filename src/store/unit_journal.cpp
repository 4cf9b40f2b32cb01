// SPDX-License-Identifier: Apache-2.0
#include "unit_journal.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace gasm {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string header_line(std::string const& file_hash) {
  Json header;
  header["schema"] = "gasm.extract-journal";
  header["version"] = 1;
  header["file"] = file_hash;
  return header.dump();
}

}  // namespace

std::string to_line(std::int64_t unit, UnitRecord const& record) {
  Json json;
  json["unit"] = unit;
  json["xxh64"] = record.xxh64;
  json["labels"] = record.view_labels;
  return json.dump() + "\n";
}

void read_lines(std::string const& text, UnitRecords& units) {
  for (std::size_t at = 0; at < text.size();) {
    auto const end = std::min(text.find('\n', at), text.size());
    auto const line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    auto const json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) continue;
    try {
      std::int64_t const unit = json.at("unit");
      if (json.contains("drop"))
        units.erase(unit);
      else
        units.insert_or_assign(unit,
                               UnitRecord{json.at("xxh64"), json.at("labels")});
    } catch (nlohmann::json::exception const&) {
      continue;  // its unit is made again
    }
  }
}

UnitJournal UnitJournal::open(Communicator const& comm, fs::path const& folder,
                              std::string const& file_hash, bool start_anew) {
  UnitJournal journal(JobJournal::open(
      comm, folder,
      {.header = header_line(file_hash), .start_anew = start_anew}));
  read_lines(journal.file_.earlier_lines(), journal.units_);
  return journal;
}

Result<void> UnitJournal::put(std::string const& lines) {
  if (auto done = file_.append(lines); !done) return done;
  return file_.sync();
}

Result<void> UnitJournal::append(UnitRecords const& units) {
  std::string text;
  for (auto const& [unit, record] : units) text += to_line(unit, record);
  return put(text);
}

Result<void> UnitJournal::drop(std::vector<std::int64_t> const& units) {
  std::string text;
  for (auto const unit : units) {
    Json json;
    json["unit"] = unit;
    json["drop"] = true;
    text += json.dump() + "\n";
  }
  return put(text);
}

}  // namespace gasm
