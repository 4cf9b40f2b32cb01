// SPDX-License-Identifier: Apache-2.0
#include "unit_journal.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Of a job that was killed just now, the lock is given back in moments.
constexpr double kLockPatience_s = 10;

std::string header_line(std::string const& file_hash) {
  Json header;
  header["schema"] = "gasm.extract-journal";
  header["version"] = 1;
  header["file"] = file_hash;
  return header.dump();
}

struct Written {
  std::string text;  // all files of this header, one after the other
  int last_run = 0;
};

/// N of "run-N-rank-R.jsonl"; 0 for any other name.
int run_number(std::string const& name) {
  constexpr std::string_view start = "run-";
  if (!name.starts_with(start) || !name.ends_with(".jsonl")) return 0;
  return std::atoi(name.c_str() + start.size());
}

Written read_files(fs::path const& folder, std::string const& header) {
  std::vector<std::pair<int, fs::path>> files;
  for (auto const& entry : fs::directory_iterator(folder))
    if (int const run = run_number(entry.path().filename().string()); run > 0)
      files.emplace_back(run, entry.path());
  // The order in which they were written: a later run may drop a unit.
  std::ranges::sort(files);
  Written written;
  for (auto const& [run, file] : files) {
    auto text = value_or_throw(read_text(file));
    // A killed writer may have left the last line unfinished.
    text.resize(text.rfind('\n') + 1);
    if (text.starts_with(header + "\n")) written.text += text;
    written.last_run = run;
  }
  return written;
}

Written read_or_remove(fs::path const& folder, std::string const& header,
                       bool start_anew) {
  try {
    if (!start_anew) return read_files(folder, header);
    for (auto const& entry : fs::directory_iterator(folder))
      if (run_number(entry.path().filename().string()) > 0)
        fs::remove(entry.path());
    return {};
  } catch (fs::filesystem_error const& why) {
    // Where another job came to its end, it was removed just now.
    throw error("cannot read the journal {} ({}). Try again, or to remove it",
                folder.string(), why.code().message());
  }
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
  auto const header = header_line(file_hash);
  std::optional<FileLock> lock;
  // Read by the root alone, so that all ranks know the same.
  auto written = agree_call(comm, [&] {
    if (!comm.is_root()) return Written{};
    value_or_throw(make_folder(folder));
    lock = value_or_throw(FileLock::take(folder / "lock", kLockPatience_s));
    return read_or_remove(folder, header, start_anew);
  });
  comm.broadcast(written.text);
  comm.broadcast(written.last_run);
  return agree_call(comm, [&] {
    auto const path = folder / fmt::format("run-{}-rank-{}.jsonl",
                                           written.last_run + 1, comm.rank());
    UnitJournal journal(
        value_or_throw(FileWriter::open(path, FileWriter::Mode::truncate)),
        std::move(lock));
    value_or_throw(journal.file_.write(header + "\n"));
    read_lines(written.text, journal.units_);
    return journal;
  });
}

Result<void> UnitJournal::put(std::string const& text) {
  auto const size_bytes = file_.size_bytes();
  if (auto done = file_.write(text); !done) {
    // The next line must not continue a torn one. If this fails, too, that
    // line is damaged, and its unit made again.
    (void)file_.truncate(size_bytes);
    return done;
  }
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
