// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>

#include "bench_store_text.hpp"
#include "commands.hpp"
#include "gasm/base/error.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/comm/watchdog.hpp"
#include "gasm/data/bench_store.hpp"
#include "gasm/data/random_features.hpp"
#include "scratch_folder.hpp"
#include "shared_work.hpp"

namespace gasm {
namespace {

struct BenchWords {
  std::string store, folder;
  std::string modes = "resident,exchange,stream,direct";
  std::int64_t num_samples = 4000;
  BenchStoreOptions options;
  bool as_json = false;
  double watchdog_s = default_watchdog_s;
};

void check_range(char const* name, std::int64_t value, std::int64_t most) {
  if (value < 1 || value > most)
    throw usage_error("--{} {} is out of range. Try 1 to {}", name, value,
                      most);
}

void check_words(BenchWords const& words) {
  check_range("samples", words.num_samples, 1000000);
  check_range("batch", words.options.batch, 1 << 20);
  check_range("threads", words.options.num_threads, 256);
  check_range("repeat", words.options.num_repeats, 1000);
  if (!words.store.empty() && !words.folder.empty())
    throw usage_error(
        "--folder is for a store that is made, and --store names one that is "
        "there. Try one of the two");
}

std::unique_ptr<ScratchFolder> make_folder_within(std::string const& folder) {
  return std::make_unique<ScratchFolder>(
      folder.empty() ? std::filesystem::temp_directory_path()
                     : std::filesystem::path(folder));
}

BenchStoreResult bench_made_store(Communicator const& world,
                                  BenchWords const& words) {
  auto const folder = agree_call(world, [&] {
    return world.is_root() ? make_folder_within(words.folder) : nullptr;
  });
  std::string path = folder ? (folder->path() / "features.h5").string() : "";
  world.broadcast(path);
  write_random_features(world, path, {.num_samples = words.num_samples});
  return bench_store(world, path, words.options);
}

ExitCode run(Communicator const& world, BenchWords words) {
  check_words(words);
  words.options.modes = read_modes(words.modes);
  Watchdog watchdog({.rank = world.rank(), .num_ranks = world.size()});
  Phase const phase(watchdog, "bench store",
                    checked_watchdog_s(words.watchdog_s));
  words.options.on_progress = [&](auto const& doing) {
    watchdog.progress(doing);
  };
  auto const result = words.store.empty()
                          ? bench_made_store(world, words)
                          : bench_store(world, words.store, words.options);
  if (world.is_root())
    print(words.as_json ? bench_store_json(result) : bench_store_text(result));
  for (auto const& mode : result.modes)
    if (mode.num_bad > 0) return ExitCode::agreed_failure;
  return ExitCode::done;
}

}  // namespace

int run_bench_store(Arguments const& arguments) {
  BenchWords words;
  CommandLine line(
      {.name = "bench store",
       .purpose =
           "Measures how fast a clips.h5 or features.h5 becomes shuffled "
           "batches in each\nstore mode, and how fast one copy of it is read "
           "into memory, beside plain\nreads of the same bytes. Without "
           "--store it makes one of random features.",
       .example = "gasm bench store --samples 1000 --json",
       .notes = "Ends with 4 if any sample was bad."});
  line.add("store", words.store, "FILE.h5", "The store to measure.");
  line.add("samples", words.num_samples, "N",
           "Samples of a store that is made, 309 KB each (4000).");
  line.add("folder", words.folder, "DIR",
           "Where it is made, for all ranks to see (the system's folder for "
           "temporary files).");
  line.add("modes", words.modes, "LIST",
           "Which modes (resident,exchange,stream,direct).");
  line.add("batch", words.options.batch, "N", "Samples of a batch (32).");
  line.add("threads", words.options.num_threads, "N",
           "Reading threads of a rank (1).");
  line.add("repeat", words.options.num_repeats, "N",
           "Measured epochs of each mode; the median counts (3).");
  line.flag("json", words.as_json, "One JSON object on one line.");
  add_watchdog_option(line, words.watchdog_s);
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return run(world, words);
                     });
}

}  // namespace gasm
