// SPDX-License-Identifier: Apache-2.0
// Saves and loads tensors as a training does, for
// tools/bench/checkpoint_peers.py:
//   ckpt_bench_checkpoint SPEC.json FOLDER
// SPEC: {"SET": {"NAME": [sizes]}}, numbers of single precision. Answers each
// line of rank 0's standard input: "save" and "load" with the seconds of the
// slowest rank, "check" with how many values of what was loaded are not those
// that were saved, "clear" with 0.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "checkpoint_manifest.hpp"
#include "checkpoint_shards.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/freed_memory.hpp"
#include "gasm/ckpt/checkpoint.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"

namespace gasm {
namespace {

using Sets = std::map<std::string, TensorShare>;

class Bench {
 public:
  Bench(Communicator const& comm, std::string const& spec,
        std::filesystem::path folder)
      : comm_(comm), store_(std::move(folder)) {
    auto const parsed = nlohmann::json::parse(value_or_throw(read_text(spec)));
    for (auto const& [set, tensors] : parsed.items())
      for (auto const& [name, sizes] : tensors.items()) {
        auto const tensor = at::rand(sizes.get<std::vector<std::int64_t>>());
        sets_[set].common.tensors.emplace(name, tensor);
        targets_[set].emplace(name, at::zeros_like(tensor));
      }
  }

  double answer(std::string const& word) {
    if (word == "save") return timed([&] { save(); });
    if (word == "load") return timed([&] { load(); });
    if (word == "check") return check();
    if (word == "clear") {
      if (comm_.is_root()) value_or_throw(remove_tree(store_.folder()));
      return 0;
    }
    throw usage_error("no command {}", word);
  }

 private:
  template <class Body>
  double timed(Body body) {
    comm_.barrier();
    double const begin_s = monotonic_s();
    body();
    comm_.barrier();
    return monotonic_s() - begin_s;
  }

  void save() {
    auto const path = store_.unfinished(1, "bench");
    agree_ok(comm_, comm_.is_root() ? store_.prepare(path) : Result<void>());
    auto const mine = write_shards(
        path, sets_, {.rank = comm_.rank(), .num_ranks = comm_.size()});
    agree_failures(comm_, mine ? std::nullopt : std::optional(mine.error()));
    auto const texts = comm_.gather_strings(files_to_text(*mine));
    Result<void> published;
    if (comm_.is_root()) {
      CheckpointManifest manifest{.step = 1,
                                  .num_ranks = comm_.size(),
                                  .score = std::nullopt,
                                  .facts = {},
                                  .files = {}};
      for (auto const& text : texts)
        manifest.files.merge(files_from_text(text));
      published = store_.publish(path, manifest, {});
    }
    agree_ok(comm_, published);
  }

  void load() {
    auto const found = load_newest_checkpoint(comm_, store_);
    if (!found) throw error("there is nothing to load");
    for (auto& [set, tensors] : targets_)
      for (auto& [name, tensor] : tensors)
        tensor.copy_(found->files.at(set).tensors.at(name));
  }

  /// Rank 0 has written all that all ranks have alike.
  double check() {
    double num_bad = 0;
    for (auto& [set, tensors] : targets_)
      for (auto& [name, tensor] : tensors) {
        auto const& saved = sets_.at(set).common.tensors.at(name);
        num_bad += at::ne(saved, tensor).sum().item<double>();
        tensor.zero_();
      }
    return static_cast<double>(
        comm_.all_reduce_max(static_cast<std::int64_t>(num_bad)));
  }

  Communicator const& comm_;
  CheckpointStore store_;
  Sets sets_;
  std::map<std::string, std::map<std::string, at::Tensor>> targets_;
};

ExitCode serve(Communicator const& comm, char** argv) {
  at::manual_seed(0);  // replicas
  Bench bench(comm, argv[1], argv[2]);
  for (;;) {
    std::string word;
    if (comm.is_root() && !std::getline(std::cin, word)) word = "end";
    comm.barrier();  // it waits asleep, for the turn of another program
    comm.broadcast(word);
    if (word == "end") return ExitCode::done;
    double const value = bench.answer(word);
    if (comm.is_root()) {
      std::printf("%.6f\n", value);
      std::fflush(stdout);
    }
  }
}

}  // namespace
}  // namespace gasm

int main(int argc, char** argv) {
  gasm::keep_freed_memory();
  return gasm::run_guarded(argc, argv, [&](gasm::Communicator const& comm) {
    if (argc != 3)
      throw gasm::usage_error("ckpt_bench_checkpoint SPEC.json FOLDER");
    return gasm::serve(comm, argv);
  });
}
