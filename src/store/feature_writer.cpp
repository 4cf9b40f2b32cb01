// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/feature_writer.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

#include "feature_file.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/store/channel_sums.hpp"
#include "gasm/store/data_file.hpp"
#include "gasm/store/feature_store.hpp"
#include "gasm/store/provenance.hpp"
#include "unit_journal.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

fs::path partial_of(fs::path const& path) { return path.string() + ".partial"; }
fs::path journal_of(fs::path const& path) {
  return path.string() + ".partial.journal";
}

/// Never throws: what cannot be looked at cannot be made either.
bool is_there(fs::path const& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

void check_contents(FeatureStoreContents const& contents) {
  if (contents.clips.empty())
    throw usage_error("there is no clip whose features could be stored");
  if (contents.classes.empty())
    throw usage_error("a feature store needs at least one class");
  if (contents.batch < 1 || contents.num_views < 1)
    throw usage_error("cannot store {} views in units of {} clips",
                      contents.num_views, contents.batch);
  if (!contents.semantic && !contents.motion)
    throw usage_error("there is no stream whose features could be stored");
  for (auto const* stream : {&contents.semantic, &contents.motion})
    GASM_ASSERT(!*stream ||
                ((*stream)->shape.num_values() > 0 &&
                 static_cast<std::int64_t>((*stream)->times.size()) ==
                     (*stream)->shape.num_steps &&
                 static_cast<std::int64_t>((*stream)->places.size()) ==
                     (*stream)->shape.num_tokens));
}

/// All that two extractions may differ in, for compare_provenance.
std::string describe(FeatureStoreContents const& contents) {
  return contents.provenance +
         fmt::format(
             "clips: {} of data hash {}\nviews: {} {}\n", contents.clips.size(),
             contents.clips_hash, contents.num_views,
             contents.views == FeatureViews::random ? "random" : "test") +
         fmt::format("type: {}\nbatch: {}\n",
                     contents.type == FeatureType::fp16 ? "fp16" : "fp32",
                     contents.batch);
}

/// The unfinished file, begun now or by an earlier job. On the root.
void begin_or_check(fs::path const& path, FeatureStoreContents const& contents,
                    bool start_anew) {
  auto const partial = partial_of(path);
  if (is_there(partial) && !start_anew) {
    auto const index = feature_file::read_index(partial);
    if (!index)
      throw error("{}. Or --restart to give it up", index.error().what());
    if (index_hash(index->contents) == index_hash(contents)) return;
    auto const differs =
        compare_provenance(describe(index->contents), describe(contents));
    throw usage_error(
        "{} was begun with other clips or settings{}{}. Try --restart to give "
        "it up, or another --output",
        partial.string(), differs.empty() ? "" : ": ", differs);
  }
  // Under a name that a job killed here does not go on with.
  auto const fresh = partial.string() + ".tmp";
  try {
    value_or_throw(feature_file::create(fresh, contents));
    value_or_throw(value_or_throw(DataFile::open(fresh)).sync());
    value_or_throw(publish_rename(fresh, partial));
  } catch (Error const&) {
    std::error_code ignored;
    fs::remove(fresh, ignored);
    if (!is_there(partial)) fs::remove_all(journal_of(path), ignored);
    throw;
  }
}

/// The numbers of all ranks, in order. Collective.
std::vector<std::int64_t> union_of(Communicator const& comm,
                                   std::vector<std::int64_t> const& mine) {
  std::vector<std::int64_t> all;
  for (auto const& text :
       comm.all_gather_strings(fmt::format("{}", fmt::join(mine, " ")))) {
    std::istringstream numbers(text);
    for (std::int64_t number = 0; numbers >> number;) all.push_back(number);
  }
  std::ranges::sort(all);
  return all;
}

std::int64_t count_units(FeatureStoreContents const& contents) {
  auto const num = static_cast<std::int64_t>(contents.clips.size());
  return (num + contents.batch - 1) / contents.batch;
}

}  // namespace

struct FeatureWriter::State {
  fs::path path;
  feature_file::Index index;  // of the unfinished file
  PlacedWriter file;
  UnitJournal journal;
  UnitRecords unsynced;
  UnitRecords own;  // synced by this rank

  FeatureStoreContents const& contents() const { return index.contents; }
  std::int64_t first_record(std::int64_t unit) const {
    return unit * contents().batch * contents().num_views;
  }
  std::int64_t num_records(std::int64_t unit) const {
    return std::min(contents().num_records(), first_record(unit + 1)) -
           first_record(unit);
  }
  std::array<std::uint64_t, 2> starts() const {
    return {index.places.semantic, index.places.motion};
  }
  std::array<std::size_t, 2> record_bytes() const {
    return {contents().semantic_bytes(), contents().motion_bytes()};
  }
  bool is_right(UnitRecord const& record, std::int64_t unit) const {
    auto const wanted = static_cast<std::size_t>(num_records(unit));
    return record.xxh64.size() == wanted && record.view_labels.size() == wanted;
  }

  UnitRecords gather(Communicator const& comm) const;
  std::array<ChannelSums, 2> empty_sums() const;
  std::vector<std::int64_t> changed_units(
      UnitRecords const& units, int index, int num_shares,
      std::array<ChannelSums, 2>& sums) const;
  void seal(UnitRecords const& units,
            feature_file::Statistics const& statistics);
};

FeatureWriter::FeatureWriter(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
FeatureWriter::~FeatureWriter() = default;
FeatureWriter::FeatureWriter(FeatureWriter&&) noexcept = default;
FeatureWriter& FeatureWriter::operator=(FeatureWriter&&) noexcept = default;

FeatureWriter FeatureWriter::open(Communicator const& comm,
                                  fs::path const& path,
                                  FeatureStoreContents const& contents,
                                  UnfinishedUse use) {
  check_contents(contents);
  auto const partial = partial_of(path);
  // The journal of a file that is not there is of one that was given up.
  bool start_anew = use == UnfinishedUse::start_anew ||
                    (comm.is_root() && !is_there(partial));
  comm.broadcast(start_anew);
  auto journal = UnitJournal::open(comm, journal_of(path),
                                   to_hex(index_hash(contents)), start_anew);
  agree_call(comm, [&] {
    if (comm.is_root()) begin_or_check(path, contents, start_anew);
  });
  return agree_call(comm, [&] {
    auto index = value_or_throw(feature_file::read_index(partial));
    auto file = value_or_throw(PlacedWriter::open(partial));
    State state{path, std::move(index), std::move(file), std::move(journal), {},
                {}};
    return FeatureWriter(std::make_unique<State>(std::move(state)));
  });
}

std::int64_t FeatureWriter::num_units() const {
  return count_units(state_->contents());
}

bool FeatureWriter::is_done(std::int64_t unit) const {
  auto const& units = state_->journal.units();
  auto const found = units.find(unit);
  return found != units.end() && state_->is_right(found->second, unit);
}

Result<void> FeatureWriter::write(std::int64_t unit,
                                  std::span<std::byte const> semantic,
                                  std::span<std::byte const> motion,
                                  std::span<std::int16_t const> view_labels) {
  GASM_ASSERT(unit >= 0 && unit < num_units());
  auto const num = static_cast<std::size_t>(state_->num_records(unit));
  auto const first = static_cast<std::size_t>(state_->first_record(unit));
  auto const sizes = state_->record_bytes();
  auto const starts = state_->starts();
  std::array const streams = {semantic, motion};
  GASM_ASSERT(view_labels.size() == num);
  for (std::size_t s = 0; s < streams.size(); ++s) {
    GASM_ASSERT(streams[s].size() == num * sizes[s]);
    if (auto done =
            state_->file.write(starts[s] + first * sizes[s], streams[s]);
        !done)
      return done;
  }
  UnitRecord record;
  record.view_labels.assign(view_labels.begin(), view_labels.end());
  for (std::size_t i = 0; i < num; ++i) {
    Xxh64 hash;
    for (std::size_t s = 0; s < streams.size(); ++s)
      hash.update(streams[s].subspan(i * sizes[s], sizes[s]));
    record.xxh64.push_back(hash.digest());
  }
  state_->unsynced.insert_or_assign(unit, std::move(record));
  return {};
}

Result<void> FeatureWriter::sync() {
  if (state_->unsynced.empty()) return {};
  if (auto done = state_->file.sync(); !done) {
    // What could not be flushed is forgotten by the system: a later flush that
    // succeeds says nothing about it.
    state_->unsynced.clear();
    return done;
  }
  if (auto done = state_->journal.append(state_->unsynced); !done) return done;
  for (auto& [unit, record] : state_->unsynced)
    state_->own.insert_or_assign(unit, std::move(record));
  state_->unsynced.clear();
  return {};
}

UnitRecords FeatureWriter::State::gather(Communicator const& comm) const {
  std::string lines;
  for (auto const& [unit, record] : own) lines += to_line(unit, record);
  auto units = journal.units();
  for (auto const& text : comm.all_gather_strings(lines))
    read_lines(text, units);
  std::erase_if(units, [&](auto const& entry) {
    return entry.first < 0 || entry.first >= count_units(contents()) ||
           !is_right(entry.second, entry.first);
  });
  return units;
}

std::array<ChannelSums, 2> FeatureWriter::State::empty_sums() const {
  auto const width = [](std::optional<FeatureStream> const& stream) {
    return stream ? stream->shape.num_channels : 0;
  };
  return {ChannelSums(width(contents().semantic)),
          ChannelSums(width(contents().motion))};
}

/// Units of this share whose bytes are not those that were written. All of
/// them are read for it, and so are summed up by the way.
std::vector<std::int64_t> FeatureWriter::State::changed_units(
    UnitRecords const& units, int share, int num_shares,
    std::array<ChannelSums, 2>& sums) const {
  auto const written = value_or_throw(DataFile::open(partial_of(path)));
  auto const num_units = static_cast<std::int64_t>(units.size());
  auto const end = num_units * (share + 1) / num_shares;
  std::vector<std::int64_t> changed;
  for (auto unit = num_units * share / num_shares; unit < end; ++unit) {
    auto const num = static_cast<std::size_t>(num_records(unit));
    std::vector<Xxh64> hashes(num);
    for (std::size_t s = 0; s < 2; ++s) {
      auto const size = record_bytes()[s];
      std::vector<std::byte> bytes(num * size);
      auto const first = static_cast<std::size_t>(first_record(unit));
      value_or_throw(written.read(starts()[s] + first * size, bytes));
      sums[s].add(bytes, contents().type);
      for (std::size_t i = 0; i < num; ++i)
        hashes[i].update(std::span(bytes).subspan(i * size, size));
    }
    auto const& wanted = units.at(unit).xxh64;
    for (std::size_t i = 0; i < num; ++i)
      if (hashes[i].digest() != wanted[i]) {
        changed.push_back(unit);
        break;
      }
  }
  return changed;
}

/// On the root: what only the whole file has, and last of all the seal.
void FeatureWriter::State::seal(UnitRecords const& units,
                                feature_file::Statistics const& statistics) {
  std::vector<std::uint64_t> xxh64;
  std::vector<std::int16_t> labels;
  for (auto const& [unit, record] : units) {
    xxh64.insert(xxh64.end(), record.xxh64.begin(), record.xxh64.end());
    labels.insert(labels.end(), record.view_labels.begin(),
                  record.view_labels.end());
  }
  auto const& places = index.places;
  auto const put_seal = [&](std::uint64_t seal) {
    value_or_throw(file.write(places.seal, std::as_bytes(std::span(&seal, 1))));
    value_or_throw(file.sync());
  };
  // Of a job that was killed before the last step. It would not fit the new
  // columns if units were made anew since.
  if (index.data_hash != 0) put_seal(0);
  value_or_throw(file.write(places.xxh64, std::as_bytes(std::span(xxh64))));
  value_or_throw(
      file.write(places.view_label, std::as_bytes(std::span(labels))));
  auto const put_statistics = [&](std::uint64_t start,
                                  ChannelStatistics const& stream) {
    auto const means = std::as_bytes(std::span(stream.mean));
    if (means.empty()) return;
    value_or_throw(file.write(start, means));
    value_or_throw(
        file.write(start + means.size(), std::as_bytes(std::span(stream.std))));
  };
  put_statistics(places.semantic_statistics, statistics.semantic);
  put_statistics(places.motion_statistics, statistics.motion);
  value_or_throw(file.sync());
  put_seal(feature_file::data_hash(contents(), xxh64, labels, statistics));
  value_or_throw(FeatureStore::open(partial_of(path)));
  value_or_throw(publish_rename(partial_of(path), path));
  std::error_code ignored;
  fs::remove_all(journal_of(path), ignored);
}

void FeatureWriter::finish(Communicator const& comm) {
  agree_ok(comm, sync());
  auto const units = state_->gather(comm);
  auto const first_clip = [&](std::int64_t unit) {
    auto const& clips = state_->contents().clips;
    return clips[static_cast<std::size_t>(unit * state_->contents().batch)].id;
  };
  auto const num_missing =
      num_units() - static_cast<std::int64_t>(units.size());
  if (num_missing > 0) {
    std::int64_t unit = 0;
    while (units.contains(unit)) ++unit;
    throw AgreedError(error(
        "{} of {} units of {} were not written (the first begins with clip "
        "'{}'). Try the same command again",
        num_missing, num_units(), partial_of(state_->path).string(),
        first_clip(unit)));
  }
  auto sums = state_->empty_sums();
  auto const found = agree_call(comm, [&] {
    auto const next = (comm.rank() + 1) % comm.size();
    return state_->changed_units(units, next, comm.size(), sums);
  });
  auto const changed = union_of(comm, found);
  if (!changed.empty()) {
    agree_ok(comm, state_->journal.drop(changed));
    throw AgreedError(error(
        "{} units of {} are not what was written (the first begins with clip "
        "'{}'). Try the same command again: it makes them anew",
        changed.size(), partial_of(state_->path).string(),
        first_clip(changed[0])));
  }
  for (auto& stream : sums) stream.all_reduce(comm);
  agree_call(comm, [&] {
    if (!comm.is_root()) return;
    auto const num_left_out = sums[0].num_left_out() + sums[1].num_left_out();
    if (num_left_out > 0)
      log_warn("{} features of {} are no numbers or too large for statistics",
               num_left_out, state_->path.string());
    state_->seal(units, {sums[0].statistics(), sums[1].statistics()});
  });
}

}  // namespace gasm
