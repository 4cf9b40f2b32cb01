// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "commands.hpp"
#include "gasm/base/error.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/train/batch_digest.hpp"
#include "run_options.hpp"

namespace gasm {

int run_data_batches(Arguments const& arguments) {
  ConfigOptions options;
  BatchRange range;
  bool with_digest = false;
  CommandLine line(
      {.name = "data batches",
       .purpose =
           "Makes the global batches that a training would see in an epoch and "
           "prints\none line for each. Set-ups that print the same digests "
           "train on the same\nthing, whatever their ranks and store mode.",
       .example = "mpirun -n 2 gasm data batches --config "
                  "configs/synsth-s.yaml --epoch 0 --digest"});
  add_config_options(line, options);
  line.add("epoch", range.epoch, "N", "Which epoch, from 0 (0).");
  line.add("from", range.from, "STEP", "Begin at this step of the epoch (0).");
  line.flag("digest", with_digest,
            "XXH64 over ids, pixels, labels and weights, instead of the ids.");
  if (printed_help(line, arguments)) return 0;
  return run_guarded(
      arguments.argc, arguments.argv, [&](Communicator const& world) {
        line.parse(arguments.words);
        auto const config = read_config(world, options);
        digest_batches(world, config, range, [&](GlobalBatch const& batch) {
          auto const what =
              with_digest ? fmt::format("xxh64 {}", to_hex(batch.digest))
                          : fmt::format("ids {}", fmt::join(batch.ids, " "));
          print(fmt::format("epoch {} step {} samples {} {}", range.epoch,
                            batch.step, batch.ids.size(), what));
        });
        return ExitCode::done;
      });
}

}  // namespace gasm
