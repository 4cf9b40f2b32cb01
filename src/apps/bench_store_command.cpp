// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>

#include "bench_store_text.hpp"
#include "bench_store_words.hpp"
#include "commands.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/comm/watchdog.hpp"
#include "gasm/data/random_features.hpp"
#include "output_file.hpp"
#include "scratch_folder.hpp"

namespace gasm {
namespace {

void make_store(Communicator const& world, BenchWords const& words) {
  agree_call(world, [&] {
    if (world.is_root()) check_output("--make", words.make);
  });
  write_random_features(world, words.make, {.num_samples = words.num_samples});
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
  auto path = folder ? (folder->path() / "features.h5").string() : "";
  world.broadcast(path);
  write_random_features(world, path, {.num_samples = words.num_samples});
  return bench_store(world, path, words.options);
}

ExitCode run(Communicator const& world, BenchWords words) {
  check_bench_words(words);
  Watchdog watchdog({.rank = world.rank(), .num_ranks = world.size()});
  Phase const phase(watchdog, "bench store",
                    checked_watchdog_s(words.watchdog_s));
  if (!words.make.empty()) {
    make_store(world, words);
    return ExitCode::done;
  }
  words.options.on_progress = [&](auto const& doing) {
    watchdog.progress(doing);
  };
  auto const result = words.store.empty()
                          ? bench_made_store(world, words)
                          : bench_store(world, words.store, words.options);
  if (world.is_root())
    print(words.as_json ? bench_store_json(result) : bench_store_text(result));
  auto measured = result.modes;
  if (result.device) measured.push_back(result.device->batches);
  for (auto const& mode : measured)
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
           "into memory, beside plain\nreads of the same bytes, from the page "
           "cache and from the disk. Without --store\nit makes one of random "
           "features.",
       .example = "gasm bench store --samples 1000 --json",
       .notes = "Ends with 4 if any sample was bad."});
  add_bench_options(line, words);
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return run(world, words);
                     });
}

}  // namespace gasm
