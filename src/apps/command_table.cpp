// SPDX-License-Identifier: Apache-2.0
#include "command_table.hpp"

#include <array>

#include "commands.hpp"

namespace gasm {
namespace {

constexpr std::array kCommands = {
    Command{"synth", "write a SynSth set in the SSv2 file format", run_synth},
    Command{"data fetch-check", "check downloaded archives, extract the videos",
            run_data_fetch_check},
    Command{"data verify", "decode every video that annotations list",
            run_data_verify},
    Command{"data pack", "pack the videos of a split into one clips.h5",
            run_data_pack},
    Command{"data subset", "select clips by a foreign list of records",
            run_data_subset},
    Command{"data stats", "sum up stores: classes, lengths, light, motion",
            run_data_stats},
    Command{"data inspect", "show one clip as a picture", run_data_inspect},
    Command{"data monitor", "alert where data changed", run_data_monitor},
    Command{"data batches", "print what a training would be fed",
            run_data_batches},
    Command{"data layout", "say how a store should lie and be read",
            run_data_layout},
    Command{"data export-wds", "write a clips.h5 as WebDataset shards",
            run_data_export_wds},
    Command{"data import-wds", "pack WebDataset shards into one clips.h5",
            run_data_import_wds},
    Command{"data join", "pair the streams of two features.h5", run_data_join},
    Command{"extract", "keep what the backbones make of clips", run_extract},
    Command{"train", "train a model", run_train},
    Command{"eval", "measure a trained model on held-out clips", run_eval},
    Command{"watch", "show a run in the terminal", run_watch},
    Command{"runs", "list run folders and how they stand", run_runs},
    Command{"ckpt ls", "list checkpoints and how they stand", run_ckpt_ls},
    Command{"ckpt info", "show what a checkpoint holds", run_ckpt_info},
    Command{"ckpt verify", "read checkpoints and say what is wrong",
            run_ckpt_verify},
    Command{"forward", "run a model on given tensors", run_forward},
    Command{"weights convert", "write published weights as safetensors",
            run_weights_convert},
    Command{"weights inspect", "show what a file of weights holds",
            run_weights_inspect},
    Command{"bench allreduce", "measure the exchange of gradients",
            run_bench_all_reduce},
    Command{"bench decode", "measure decoding speed", run_bench_decode},
    Command{"bench model", "measure what a model costs", run_bench_model},
    Command{"bench store", "measure how fast a store becomes batches",
            run_bench_store},
    Command{"bench train", "measure training steps on ranks", run_bench_train},
    Command{"doctor", "show what build and machine can do", run_doctor},
};

}  // namespace

std::span<Command const> all_commands() { return kCommands; }

Command const* find_command(std::vector<std::string> const& words) {
  for (auto const& command : all_commands()) {
    std::string const name = command.name;
    if (words[0] == name) return &command;
    if (words.size() > 1 && words[0] + " " + words[1] == name) return &command;
  }
  return nullptr;
}

}  // namespace gasm
