// SPDX-License-Identifier: Apache-2.0
#include "gasm/extract/join_features.hpp"

#include <algorithm>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "finished_file.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/error.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/store/feature_store.hpp"
#include "gasm/store/provenance.hpp"

namespace gasm {
namespace {

/// What both streams of a model share.
bool must_agree(std::string const& key) {
  return key == "model.semantic.resolution" || key == "data.sampling.frames";
}

/// "key: value" lines in order.
std::vector<std::pair<std::string, std::string>> lines_of(
    std::string const& provenance) {
  std::vector<std::pair<std::string, std::string>> lines;
  std::istringstream text(provenance);
  for (std::string line; std::getline(text, line);) {
    auto const colon = std::min(line.find(": "), line.size());
    lines.emplace_back(line.substr(0, colon),
                       line.substr(std::min(line.size(), colon + 2)));
  }
  return lines;
}

std::string joined_provenance(std::string const& semantic,
                              std::string const& motion) {
  std::map<std::string, std::string> there;
  for (auto const& [key, value] : lines_of(motion)) there[key] = value;
  std::string joined;
  auto const put = [&](std::string const& key, std::string const& value) {
    joined += key + ": " + value + "\n";
  };
  for (auto const& [key, value] : lines_of(semantic)) {
    auto const other = there.find(key);
    if (key.starts_with("model.motion.")) continue;
    if (key.starts_with("model.semantic.") ||
        (other != there.end() && other->second == value))
      put(key, value);
    else
      put(key, value + " (semantic), " +
                   (other == there.end() ? "nothing" : other->second) +
                   " (motion)");
    there.erase(key);
  }
  for (auto const& [key, value] : there) {
    if (key.starts_with("model.semantic.")) continue;
    put(key, key.starts_with("model.motion.")
                 ? value
                 : "nothing (semantic), " + value + " (motion)");
  }
  return joined;
}

/// Throws a usage error if `is_same` is false.
void expect_same(bool is_same, FeatureStore const& a, FeatureStore const& b,
                 std::string const& what) {
  if (!is_same)
    throw usage_error(
        "{} and {} cannot be joined ({}). Try gasm extract of the same clips "
        "with the same settings",
        a.path().string(), b.path().string(), what);
}

void check_clips(FeatureStore const& a, FeatureStore const& b) {
  expect_same(a.classes() == b.classes(), a, b,
              "their classes have other names or another order");
  expect_same(
      a.split() == b.split(), a, b,
      fmt::format("their splits are '{}' and '{}'", a.split(), b.split()));
  expect_same(a.size() == b.size(), a, b,
              fmt::format("they hold {} and {} clips", a.size(), b.size()));
  for (std::int64_t i = 0; i < a.size(); ++i) {
    expect_same(a.id(i) == b.id(i), a, b,
                fmt::format("clip {} is '{}' and '{}'", i, a.id(i), b.id(i)));
    expect_same(a.label(i) == b.label(i), a, b,
                fmt::format("clip '{}' has the classes {} and {}", a.id(i),
                            a.label(i), b.label(i)));
  }
}

void check_settings(FeatureStore const& a, FeatureStore const& b) {
  auto const& left = a.contents();
  auto const& right = b.contents();
  for (auto const* store : {&a, &b})
    if (store->contents().views == FeatureViews::random)
      throw usage_error(
          "{} holds views that were drawn at random (each stream would show "
          "another crop of a clip). Try gasm extract without --views",
          store->path().string());
  expect_same(left.num_views == right.num_views, a, b,
              fmt::format("they hold {} and {} views of a clip", left.num_views,
                          right.num_views));
  expect_same(left.type == right.type, a, b,
              "one holds fp16 and the other fp32");
  expect_same(
      left.batch == right.batch, a, b,
      fmt::format("their --batch was {} and {}", left.batch, right.batch));
  auto const differs =
      compare_provenance(left.provenance, right.provenance, must_agree);
  expect_same(differs.empty(), a, b, differs);
}

void check_stream(bool is_there, FeatureStore const& store, char const* name) {
  if (!is_there)
    throw usage_error("{} has no {} features. Try gasm extract with {}",
                      store.path().string(), name, "another model.fusion.kind");
}

/// One unit of both files, as the writer takes it.
struct JoinedUnit {
  std::vector<std::byte> semantic;
  std::vector<std::byte> motion;
  std::vector<std::int16_t> labels;
};

void append(std::span<std::byte const> bytes, std::vector<std::byte>& to) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

JoinedUnit read_unit(FeatureStore const& semantic, FeatureStore const& motion,
                     std::int64_t unit) {
  auto const& contents = semantic.contents();
  auto const per_unit = contents.batch * contents.num_views;
  auto const end = std::min(contents.num_records(), (unit + 1) * per_unit);
  // Of a file with both streams the second part is motion's.
  auto const motion_part = motion.num_parts() - 1;
  JoinedUnit joined;
  for (auto record = unit * per_unit; record < end; ++record) {
    append(value_or_throw(read_record(semantic, record)).parts[0],
           joined.semantic);
    append(value_or_throw(read_record(motion, record)).parts[motion_part],
           joined.motion);
    joined.labels.push_back(
        static_cast<std::int16_t>(semantic.record_label(record)));
  }
  return joined;
}

/// This rank's units, in turn. False if it was stopped. Not collective.
bool copy_units(Communicator const& world, FeatureStore const& semantic,
                FeatureStore const& motion, FeatureWriter& writer,
                JoinOptions const& options) {
  constexpr double kSyncEvery_s = 1.0;
  std::vector<std::int64_t> todo;
  for (std::int64_t unit = 0; unit < writer.num_units(); ++unit)
    if (!writer.is_done(unit) && unit % world.size() == world.rank())
      todo.push_back(unit);
  auto const num = static_cast<std::int64_t>(todo.size());
  double synced_s = monotonic_s();
  for (std::int64_t i = 0; i < num; ++i) {
    auto const unit = todo[static_cast<std::size_t>(i)];
    auto const joined = read_unit(semantic, motion, unit);
    value_or_throw(
        writer.write(unit, joined.semantic, joined.motion, joined.labels));
    if (monotonic_s() - synced_s > kSyncEvery_s) {
      value_or_throw(writer.sync());
      synced_s = monotonic_s();
    }
    if (options.on_unit) options.on_unit(i + 1, num);
    if (options.should_stop && options.should_stop()) return false;
  }
  if (options.on_unit) options.on_unit(num, num);
  return true;
}

}  // namespace

FeatureStoreContents joined_contents(FeatureStore const& semantic,
                                     FeatureStore const& motion) {
  check_stream(semantic.contents().semantic.has_value(), semantic, "semantic");
  check_stream(motion.contents().motion.has_value(), motion, "motion");
  check_settings(semantic, motion);
  check_clips(semantic, motion);
  auto contents = semantic.contents();
  auto const& other = motion.contents();
  contents.motion = other.motion;
  if (contents.clips_hash != other.clips_hash)
    contents.clips_hash += "+" + other.clips_hash;
  contents.provenance =
      joined_provenance(contents.provenance, other.provenance);
  return contents;
}

ExtractSummary join_features(Communicator const& world,
                             JoinOptions const& options) {
  auto const semantic = agree(world, FeatureStore::open(options.semantic));
  auto const motion = agree(world, FeatureStore::open(options.motion));
  auto const contents =
      agree_call(world, [&] { return joined_contents(semantic, motion); });
  ExtractSummary summary;
  summary.num_clips = semantic.size();
  summary.num_views = contents.num_views;
  summary.num_bytes = static_cast<std::uint64_t>(contents.num_records()) *
                      (contents.semantic_bytes() + contents.motion_bytes());
  summary.data_hash =
      find_finished(world, options.output, options.unfinished, contents);
  summary.was_there = summary.data_hash != 0;
  if (summary.was_there) return summary;

  auto writer =
      FeatureWriter::open(world, options.output, contents, options.unfinished);
  summary.num_units = writer.num_units();
  for (std::int64_t unit = 0; unit < writer.num_units(); ++unit)
    summary.num_units_before += writer.is_done(unit) ? 1 : 0;
  double const start_s = monotonic_s();
  auto const mine = caught(
      [&] { return copy_units(world, semantic, motion, writer, options); });
  auto const kept = writer.sync();
  agree_failures(world, mine ? std::nullopt : std::optional(mine.error()));
  agree_ok(world, kept);
  summary.total_s = world.all_reduce_max(monotonic_s() - start_s);
  summary.is_complete = world.all_reduce_min(int{*mine}) > 0;
  if (!summary.is_complete) return summary;
  writer.finish(world);
  summary.data_hash =
      find_finished(world, options.output, UnfinishedUse::go_on, contents);
  return summary;
}

}  // namespace gasm
