// SPDX-License-Identifier: Apache-2.0
#include "train_state.hpp"

#include "gasm/models/named_tensors.hpp"

namespace gasm {
namespace {

std::string const& fact(Checkpoint const& checkpoint, std::string const& name) {
  auto const found = checkpoint.facts.find(name);
  if (found == checkpoint.facts.end())
    throw error(
        "the checkpoint of step {} lacks the fact '{}' (written by "
        "another program). Try another run.name",
        checkpoint.step, name);
  return found->second;
}

TensorFile const& file_of(Checkpoint const& checkpoint,
                          std::string const& name) {
  auto const found = checkpoint.files.find(name);
  if (found == checkpoint.files.end())
    throw error(
        "the checkpoint of step {} has no {}.safetensors (incomplete). "
        "Try an older one",
        checkpoint.step, name);
  return found->second;
}

}  // namespace

Checkpoint make_checkpoint(TrainState const& state, RunIdentity const& identity,
                           VideoModel const& model, AdamW const& optimizer) {
  Checkpoint checkpoint;
  checkpoint.step = state.step;
  TensorFile weights;
  for (auto const& [name, tensor] : named_tensors(model))
    weights.tensors.emplace(name, tensor);
  weights.metadata = {{"format", "pt"}, {"step", std::to_string(state.step)}};
  checkpoint.files.emplace("model", std::move(weights));
  checkpoint.files.emplace("optimizer", optimizer.state());
  checkpoint.facts = {
      {"best_top1", format_exact(state.best_top1)},
      {"evals_without_gain", std::to_string(state.evals_without_gain)},
      {"ended_early", state.ended_early ? "yes" : "no"},
      {"experiment", identity.experiment},
      {"data_hash", identity.data_hash}};
  return checkpoint;
}

TrainState restore_checkpoint(Checkpoint const& checkpoint,
                              RunIdentity const& identity, VideoModel& model,
                              AdamW& optimizer) {
  if (fact(checkpoint, "experiment") != identity.experiment)
    throw usage_error(
        "the run folder's checkpoint of step {} was made with another "
        "configuration (data, model, optim or train differ from its "
        "config.yaml). Try another run.name, or the old configuration",
        checkpoint.step);
  if (fact(checkpoint, "data_hash") != identity.data_hash)
    throw usage_error(
        "the run folder's checkpoint of step {} was trained on other data "
        "(data hash {}, data.train has {}). Try another run.name",
        checkpoint.step, fact(checkpoint, "data_hash"), identity.data_hash);
  restore_model(checkpoint, model);
  optimizer.load_state(file_of(checkpoint, "optimizer"));
  TrainState state;
  state.step = checkpoint.step;
  state.best_top1 = parse_exact(fact(checkpoint, "best_top1"));
  state.evals_without_gain =
      static_cast<int>(parse_exact(fact(checkpoint, "evals_without_gain")));
  state.ended_early = fact(checkpoint, "ended_early") == "yes";
  return state;
}

void restore_model(Checkpoint const& checkpoint, VideoModel& model) {
  load_named_tensors(
      model, file_of(checkpoint, "model").tensors,
      "the checkpoint of step " + std::to_string(checkpoint.step));
}

}  // namespace gasm
