// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"
#include "doctor_text.hpp"
#include "gasm/comm/rank_layout.hpp"
#include "gasm/comm/run_guarded.hpp"

namespace gasm {

int run_doctor(Arguments const& arguments) {
  CommandLine line(
      {.name = "doctor",
       .purpose =
           "Shows what this build and machine can do, and whether versions "
           "are in use\nthat are known to be bad. Ends with 0 whatever it "
           "finds.",
       .example = "mpirun -n 2 gasm doctor"});
  if (printed_help(line, arguments)) return 0;
  // Before MPI starts, since that is what may not work.
  if (is_speaker() && arguments.words.empty()) print(system_text());
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       auto const layout = rank_layout(world, "cpu");
                       if (world.is_root())
                         print(ranks_text(world.size(), layout));
                       return ExitCode::done;
                     });
}

}  // namespace gasm
