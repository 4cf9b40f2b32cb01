// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "commands.hpp"
#include "gasm/base/error.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/data/layout.hpp"
#include "layout_text.hpp"

namespace gasm {
namespace {

struct LayoutWords {
  std::string store;
  std::string folder;
  std::optional<std::uint64_t> num_bytes;
  std::optional<double> memory_gb;
  int num_ranks = 1;
  std::optional<int> ranks_per_node;
  bool as_json = false;
};

void check_words(LayoutWords const& words) {
  if (words.store.empty() == !words.num_bytes)
    throw usage_error(
        "a layout is that of one store. Try --store FILE.h5, or --bytes N for "
        "one that is not written yet");
  if (!words.store.empty() && !words.folder.empty())
    throw usage_error(
        "--folder is where a store will be written, and --store names one "
        "that is there. Try one of the two");
  if (words.memory_gb && !(*words.memory_gb > 0 && *words.memory_gb < 1e6))
    throw usage_error("--memory-gb {} is out of range. Try that of a machine",
                      *words.memory_gb);
}

LayoutFacts facts_of(LayoutWords const& words) {
  LayoutFacts facts;
  if (!words.store.empty()) {
    facts = value_or_throw(read_layout(words.store));
  } else {
    facts.num_bytes = *words.num_bytes;
    if (!words.folder.empty())
      facts.file_system = value_or_throw(file_system_of(words.folder));
  }
  facts.num_ranks = words.num_ranks;
  facts.ranks_per_node = words.ranks_per_node.value_or(words.num_ranks);
  facts.free_bytes = words.memory_gb
                         ? static_cast<std::uint64_t>(*words.memory_gb * 1e9)
                         : free_memory_bytes();
  return facts;
}

}  // namespace

int run_data_layout(Arguments const& arguments) {
  LayoutWords words;
  CommandLine line(
      {.name = "data layout",
       .purpose =
           "Says how a store should lie on its file system, which store mode "
           "fits into\nwhich memory, and how long it takes to fill, for a job "
           "that is still to come.",
       .example = "gasm data layout --bytes 68300000000 --ranks 16 "
                  "--ranks-per-node 4 --memory-gb 200"});
  line.add("store", words.store, "FILE.h5", "A store that is there.");
  line.add("bytes", words.num_bytes, "N",
           "Bytes of a store that is not written yet.");
  line.add("folder", words.folder, "DIR", "Where it will be written.");
  line.add("ranks", words.num_ranks, "N", "Ranks of the job (1).");
  line.add("ranks-per-node", words.ranks_per_node, "N",
           "Ranks on each machine (all).");
  line.add("memory-gb", words.memory_gb, "X",
           "Free memory of each machine (that of this one now).");
  line.flag("json", words.as_json, "One JSON object on one line.");
  if (printed_help(line, arguments)) return 0;
  return run_guarded_serial([&] {
    line.parse(arguments.words);
    check_words(words);
    auto const facts = facts_of(words);
    auto const advice = advise_layout(facts);
    print(words.as_json ? layout_json(facts, advice)
                        : layout_text(facts, advice));
    return ExitCode::done;
  });
}

}  // namespace gasm
