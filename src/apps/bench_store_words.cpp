// SPDX-License-Identifier: Apache-2.0
#include "bench_store_words.hpp"

#include <algorithm>
#include <sstream>
#include <vector>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

void check_range(char const* name, std::int64_t value, std::int64_t most) {
  if (value < 1 || value > most)
    throw usage_error("--{} {} is out of range. Try 1 to {}", name, value,
                      most);
}

StoreMode mode_of(std::string const& word) {
  for (auto const& choice : choices(StoreMode::automatic))
    if (choice.value != StoreMode::automatic && choice.word == word)
      return choice.value;
  throw usage_error(
      "--modes: there is no mode '{}'. Try resident,exchange,stream,direct",
      word);
}

std::vector<StoreMode> read_modes(std::string const& words) {
  std::vector<StoreMode> modes;
  std::istringstream list(words);
  for (std::string word; std::getline(list, word, ',');) {
    auto const mode = mode_of(word);
    if (std::ranges::count(modes, mode) > 0)
      throw usage_error("--modes names {} twice", word);
    modes.push_back(mode);
  }
  if (modes.empty())
    throw usage_error("--modes is empty. Try resident,exchange,stream,direct");
  return modes;
}

}  // namespace

void add_bench_options(CommandLine& line, BenchWords& words) {
  line.add("store", words.store, "FILE.h5", "The store to measure.");
  line.add("samples", words.num_samples, "N",
           "Samples of a store that is made, 309 KB each (4000).");
  line.add("folder", words.folder, "DIR",
           "Where it is made, for all ranks to see (the system's folder for "
           "temporary files).");
  line.add("make", words.make, "FILE.h5",
           "Only make a store of random features there.");
  line.add("modes", words.modes, "LIST",
           "Which modes (resident,exchange,stream,direct).");
  line.add("batch", words.options.batch, "N", "Samples of a batch (32).");
  line.add("device", words.options.device, "DEVICE",
           "Also batches from features that stay there: cpu, cuda or cuda:N.");
  line.add("threads", words.options.num_threads, "N",
           "Reading threads of a rank (1).");
  line.add("repeat", words.options.num_repeats, "N",
           "Measured epochs of each mode; the median counts (3).");
  line.flag("json", words.as_json, "One JSON object on one line.");
  add_watchdog_option(line, words.watchdog_s);
}

void check_bench_words(BenchWords& words) {
  check_range("samples", words.num_samples, 1000000);
  check_range("batch", words.options.batch, 1 << 20);
  check_range("threads", words.options.num_threads, 256);
  check_range("repeat", words.options.num_repeats, 1000);
  words.options.modes = read_modes(words.modes);
  int const num_places = (words.store.empty() ? 0 : 1) +
                         (words.folder.empty() ? 0 : 1) +
                         (words.make.empty() ? 0 : 1);
  if (num_places > 1)
    throw usage_error(
        "--store, --make and --folder each say which store it is. Try one of "
        "them");
}

}  // namespace gasm
