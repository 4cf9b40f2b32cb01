// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "commands.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/data/webdataset.hpp"
#include "gasm/store/clip_store.hpp"
#include "output_file.hpp"
#include "shared_work.hpp"

namespace gasm {
namespace {

struct ExportWords {
  std::string store;
  std::string output;
  double shard_mb = 1000;
  double watchdog_s = default_watchdog_s;
};

ExitCode export_wds(Communicator const& world, ExportWords const& words) {
  constexpr double bytes_per_mb = 1e6;
  constexpr double max_shard_mb = 1e6;
  if (!(words.shard_mb > 0 && words.shard_mb <= max_shard_mb))
    throw usage_error("--shard-mb is {} (must be above 0, up to {})",
                      words.shard_mb, max_shard_mb);
  SharedWork work(world, "export", "clips", words.watchdog_s);
  agree_call(world, [&] {
    if (world.is_root()) check_output("--output", words.output);
  });
  auto const store = agree(world, ClipStore::open(words.store));
  WdsExportOptions options;
  options.max_shard_bytes =
      static_cast<std::uint64_t>(words.shard_mb * bytes_per_mb);
  options.on_progress = [&](auto done, auto total) {
    work.update(done, total);
  };
  auto const summary = export_webdataset(world, store, words.output, options);
  if (world.is_root())
    print(fmt::format("{}: {} clips in {} shards, data hash {}", words.output,
                      summary.num_clips, summary.num_shards,
                      to_hex(store.data_hash())));
  return ExitCode::done;
}

}  // namespace

int run_data_export_wds(Arguments const& arguments) {
  ExportWords words;
  CommandLine line(
      {.name = "data export-wds",
       .purpose =
           "Writes the clips of a store as WebDataset shards: tar files with\n"
           "<id>.webm, <id>.cls and <id>.json of each clip, in the store's\n"
           "order. Ranks share the shards; their bytes do not depend on ranks "
           "or time.",
       .example = "mpirun -n 2 gasm data export-wds --store "
                  "data/synsth-s/train.h5 --output "
                  "data/synsth-s/wds/train-%06d.tar",
       .notes =
           "labels.json, written beside the shards, has all class names."});
  line.require("store", words.store, "FILE.h5", "File of gasm data pack.");
  line.require("output", words.output, "PATTERN",
               "Names of the shards, with one %06d for their number.");
  line.add("shard-mb", words.shard_mb, "MB",
           "Megabytes of video in one shard (1000).");
  add_watchdog_option(line, words.watchdog_s);
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return export_wds(world, words);
                     });
}

}  // namespace gasm
