// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>

#include "bench_all_reduce_text.hpp"
#include "commands.hpp"
#include "gasm/base/error.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/comm/watchdog.hpp"
#include "shared_work.hpp"

namespace gasm {
namespace {

/// What plain MPI_Allreduce takes in one piece, counts being ints.
constexpr std::uint64_t kMaxBytes = std::uint64_t(1) << 31;

struct BenchAllReduceWords {
  std::uint64_t min_bytes = 64 << 10;
  std::uint64_t max_bytes = 64 << 20;
  std::string type = "fp32";
  std::string op = "sum";
  int num_repeats = 11;
  bool as_json = false;
  double watchdog_s = default_watchdog_s;
};

void check(BenchAllReduceWords const& words) {
  if (words.min_bytes < 4 || words.max_bytes > kMaxBytes)
    throw usage_error(
        "--min-bytes {} or --max-bytes {} is out of range. Try 4 to {}",
        words.min_bytes, words.max_bytes, kMaxBytes);
  if (words.min_bytes > words.max_bytes)
    throw usage_error("--min-bytes {} is above --max-bytes {}. Try the reverse",
                      words.min_bytes, words.max_bytes);
  if (words.num_repeats < 1 || words.num_repeats > 1000000)
    throw usage_error("--repeat {} is out of range. Try 1 to 1000000",
                      words.num_repeats);
}

ExitCode run(Communicator const& world, BenchAllReduceWords const& words) {
  check(words);
  AllReduceShape const shape{data_type_of(words.type),
                             reduction_of(words.op).kind, world.size()};
  Watchdog watchdog({.rank = world.rank(), .num_ranks = world.size()});
  Phase const phase(watchdog, "bench allreduce",
                    checked_watchdog_s(words.watchdog_s));
  BenchAllReduceOptions const options{
      .type = shape.type,
      .reduction = reduction_of(words.op),
      .num_repeats = words.num_repeats,
      .on_progress = [&](auto const& doing) { watchdog.progress(doing); }};
  for (std::uint64_t bytes = words.min_bytes; bytes <= words.max_bytes;
       bytes *= 2) {
    // Whole numbers of either size.
    auto const result = bench_all_reduce(world, bytes / 4 * 4, options);
    if (world.is_root())
      print(words.as_json ? to_json(result, shape) : to_text(result, shape));
  }
  return ExitCode::done;
}

}  // namespace

int run_bench_all_reduce(Arguments const& arguments) {
  BenchAllReduceWords words;
  CommandLine line(
      {.name = "bench allreduce",
       .purpose =
           "Measures the all-reduce of gradients over MPI, beside the best "
           "plain\nMPI_Allreduce (in one piece or in slabs) and beside the sum "
           "along the fixed\ntree. Times are medians, of the slowest rank. "
           "Sizes double.",
       .example = "mpirun -n 2 gasm bench allreduce --json --max-bytes 1048576",
       .notes = "With a 16-bit type, plain and tree carry as many floats."});
  line.add("min-bytes", words.min_bytes, "N", "Smallest size (65536).");
  line.add("max-bytes", words.max_bytes, "N", "Largest size (67108864).");
  line.add("repeat", words.num_repeats, "N", "Rounds that count (11).");
  line.add("type", words.type, "TYPE", "fp32, bf16 or fp16 (fp32).");
  line.add("op", words.op, "OP", "sum, mean, scaled_sum or max (sum).");
  line.flag("json", words.as_json, "One line of JSON a size.");
  add_watchdog_option(line, words.watchdog_s);
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return run(world, words);
                     });
}

}  // namespace gasm
