// SPDX-License-Identifier: Apache-2.0
#include "monitor_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "gasm/base/hash.hpp"
#include "gasm/care/drift_input.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/record/alerts.hpp"
#include "gasm/record/run_folder.hpp"
#include "gasm/store/clip_store.hpp"
#include "output_file.hpp"

namespace gasm {
namespace {

/// What was found, and where it is to be written.
struct Findings {
  std::vector<DriftAlert> alerts;
  std::string what;  ///< was compared
  std::string alerts_path;
  std::int64_t step = 0;
};

void check_words(MonitorWords const& words) {
  if (words.current.empty() == words.run.empty())
    throw usage_error(
        "gasm data monitor needs either --current or --run. Try gasm data "
        "monitor --help");
  if (words.num_steps < 1)
    throw usage_error("--steps {} (must be at least 1)", words.num_steps);
  if (!words.store.empty() && words.run.empty())
    throw usage_error("--store belongs to --run, which is not given");
  auto const& limits = words.limits;
  for (auto const& [name, value] :
       {std::pair{"max-bad-rise", limits.max_bad_rise},
        std::pair{"max-changed", limits.max_changed},
        std::pair{"max-class-distance", limits.max_class_distance},
        std::pair{"max-shift", limits.max_shift},
        std::pair{"significance", limits.significance}})
    if (!(value >= 0))
      throw usage_error("--{} {} (must be 0 or more)", name, value);
}

Findings compare_files(Communicator const& world, MonitorWords const& words) {
  return agree_call(world, [&] {
    auto const reference = value_or_throw(read_drift_source(words.reference));
    auto const current = value_or_throw(read_drift_source(words.current));
    return Findings{
        .alerts = compare_sources(reference, current, words.limits),
        .what = fmt::format("{} beside {}", words.current, words.reference),
        .alerts_path = words.alerts};
  });
}

/// The side of the reference that describes the data of the run.
DriftSide const& side_of(DriftSource const& reference,
                         std::string const& data_hash) {
  for (auto const& [split, hash] : reference.data_hash)
    if (hash == data_hash) return reference.sides.at(split);
  throw usage_error(
      "{} does not describe the data of the run (data hash {}). Try gasm data "
      "stats on the run's data.train",
      reference.path, data_hash);
}

Findings compare_run(Communicator const& world, MonitorWords const& words) {
  SharedWork work(world, "monitor", "clips", words.watchdog_s);
  struct Opened {
    DriftSource reference;
    RunBatches batches;
    ClipStore store;
  };
  auto const opened = agree_call(world, [&] {
    auto reference = value_or_throw(read_drift_source(words.reference));
    auto batches = value_or_throw(read_run_batches(words.run, words.num_steps));
    auto const path = words.store.empty() ? batches.store_path : words.store;
    if (path.empty())
      throw usage_error(
          "{} trains on features (they have no pixels). Try --store with the "
          "clips.h5 that they were made of",
          words.run);
    auto store = value_or_throw(ClipStore::open(path));
    if (to_hex(store.data_hash()) != batches.data_hash)
      throw usage_error(
          "{} is not what the run trains on (data hash {}, the run's {})",
          store.path().string(), to_hex(store.data_hash()), batches.data_hash);
    (void)side_of(reference, batches.data_hash);
    return Opened{std::move(reference), std::move(batches), std::move(store)};
  });
  // A running job may have come further for one rank than for another.
  auto batches = opened.batches;
  world.broadcast(batches.first_step);
  world.broadcast(batches.last_step);
  auto const clips = clips_of(batches, opened.store.size());
  std::vector<ClipRef> refs;
  for (auto const clip : clips) refs.push_back({&opened.store, clip});
  MeasureOptions options;
  options.num_frames = opened.reference.num_frames;
  options.on_progress = [&](auto done, auto total) {
    work.update(done, total);
  };
  auto const measures = measure_clips(world, refs, options);
  auto const what = fmt::format("steps {} to {} of {}", batches.first_step + 1,
                                batches.last_step, words.run);
  auto const side =
      side_of_clips(what, opened.store.contents(), clips, measures);
  auto const& reference = side_of(opened.reference, batches.data_hash);
  return {.alerts = find_drift(reference, side, words.limits),
          .what = fmt::format("{} ({} clips) beside {}", what, clips.size(),
                              reference.name),
          .alerts_path = words.alerts.empty()
                             ? RunFolder(words.run).alerts().string()
                             : words.alerts,
          .step = batches.last_step};
}

void report(Findings const& findings) {
  for (auto const& alert : findings.alerts) {
    print(fmt::format("alert: {}: {}", to_string(alert.kind), alert.text));
    if (!findings.alerts_path.empty())
      value_or_throw(
          append_alert(findings.alerts_path, {.step = findings.step,
                                              .kind = to_string(alert.kind),
                                              .text = alert.text}));
  }
  print(fmt::format("{}: {} alert{}", findings.what, findings.alerts.size(),
                    findings.alerts.size() == 1 ? "" : "s"));
}

}  // namespace

ExitCode monitor_data(Communicator const& world, MonitorWords const& words) {
  check_words(words);
  agree_call(world, [&] {
    if (!world.is_root() || words.alerts.empty()) return;
    check_output("--alerts", words.alerts);
    refuse_same_file("--alerts", words.alerts,
                     {words.reference, words.current});
  });
  auto const findings = words.run.empty() ? compare_files(world, words)
                                          : compare_run(world, words);
  agree_call(world, [&] {
    if (world.is_root()) report(findings);
  });
  return findings.alerts.empty() ? ExitCode::done : ExitCode::agreed_failure;
}

}  // namespace gasm
