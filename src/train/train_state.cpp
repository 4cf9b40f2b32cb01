// SPDX-License-Identifier: Apache-2.0
#include "train_state.hpp"

#include <fmt/format.h>

#include <string_view>

#include "gasm/base/build_info.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/models/named_tensors.hpp"
#include "gasm/models/video_model.hpp"

namespace gasm {
namespace {

std::string const& fact(Checkpoint const& checkpoint, std::string const& name) {
  auto const found = checkpoint.facts.find(name);
  if (found == checkpoint.facts.end())
    throw error(
        "the checkpoint of step {} lacks the fact '{}' (written by "
        "another program). Try another run.name, or gasm ckpt info "
        "RUN/checkpoints/step-{}",
        checkpoint.step, name, checkpoint.step);
  return found->second;
}

TensorFile const& file_of(Checkpoint const& checkpoint,
                          std::string const& name) {
  auto const found = checkpoint.files.find(name);
  if (found == checkpoint.files.end())
    throw error(
        "the checkpoint of step {} has no {}.safetensors (incomplete). "
        "Try an older one (gasm ckpt ls RUN)",
        checkpoint.step, name);
  return found->second;
}

/// A state dict as a file.
TensorFile file_of(NamedTensors const& state_dict, TrainState const& state,
                   RunIdentity const& identity) {
  TensorFile file;
  for (auto const& [name, tensor] : state_dict)
    file.tensors.emplace(name, tensor.detach());
  file.metadata = {{"format", "pt"},
                   {"step", std::to_string(state.step)},
                   {"classes", identity.classes}};
  return file;
}

/// Who wrote a checkpoint.
std::string writer_text() {
  auto const build = build_info();
  return fmt::format("{} ({})", build.version, commit_text(build));
}

std::string to_fact(std::optional<double> value) {
  return value ? format_exact(*value) : "none";
}

std::optional<double> value_of(std::string const& fact) {
  return fact == "none" ? std::nullopt : std::optional(parse_exact(fact));
}

std::int64_t count_of(std::string const& fact) {
  return static_cast<std::int64_t>(parse_exact(fact));
}

constexpr std::string_view kFusionPrefix = "gasm_cast.";

/// load_named_tensors of a checkpoint, with what to try if they do not fit.
void load_tensors(torch::nn::Module& module, TensorMap const& tensors,
                  std::int64_t step) {
  try {
    load_named_tensors(module, tensors,
                       fmt::format("the checkpoint of step {}", step));
  } catch (Error const& failed) {
    throw Error(
        fmt::format("{}. Try the configuration that it was trained with; gasm "
                    "ckpt info RUN/checkpoints/step-{} shows what it holds",
                    failed.what(), step),
        failed.code());
  }
}

/// The tensors whose names begin so, without that.
TensorMap below(TensorMap const& tensors, std::string_view prefix) {
  TensorMap found;
  for (auto const& [name, tensor] : tensors)
    if (name.starts_with(prefix))
      found.emplace(name.substr(prefix.size()), tensor);
  return found;
}

void check_identity(Checkpoint const& checkpoint, RunIdentity const& identity) {
  auto const check_data = [&](std::string const& key, std::string const& name,
                              std::string const& hash) {
    if (fact(checkpoint, name) != hash)
      throw usage_error(
          "the checkpoint of step {} belongs to other data ({}: data hash {}, "
          "now {}; {}). Try the same data, or a run of its own (another "
          "run.name, checkpoint.resume: auto)",
          checkpoint.step, key, fact(checkpoint, name), hash,
          checkpoint.path.string());
  };
  check_data("data.train", "train_hash", identity.train_hash);
  check_data("data.val", "val_hash", identity.val_hash);
}

}  // namespace

std::string classes_hash(std::vector<std::string> const& names) {
  std::string all;
  for (auto const& name : names) all += name + '\n';
  return to_hex(xxh64(all));
}

std::map<std::string, std::string> checkpoint_facts(TrainState const& state,
                                                    RunIdentity const& identity,
                                                    TrainedParts const& parts) {
  return {
      {"epoch_bad", std::to_string(state.epoch_bad)},
      {"evaluated_step", std::to_string(state.evaluated_step)},
      {"best_top1", to_fact(state.best_top1)},
      {"gained_top1", to_fact(state.gained_top1)},
      {"evals_without_gain", std::to_string(state.evals_without_gain)},
      {"ended_early", state.ended_early ? "yes" : "no"},
      {"loss_scale", format_exact(state.loss_scale.value)},
      {"loss_scale_steps", std::to_string(state.loss_scale.steps_since_change)},
      {"steps_per_epoch", std::to_string(identity.steps_per_epoch)},
      {"gasm", writer_text()},
      {"ema_updates",
       std::to_string(parts.average ? parts.average->num_updates() : 0)},
      {"skipped", std::to_string(state.skipped.total)},
      {"skipped_in_row", std::to_string(state.skipped.in_row)},
      {"skipped_overflows", std::to_string(state.skipped.overflows)},
      {kStartedFrom, state.started_from.value_or(kStartedNowhere)},
      {"experiment", identity.experiment},
      {"train_hash", identity.train_hash},
      {"val_hash", identity.val_hash}};
}

CheckpointShare make_checkpoint(TrainState const& state,
                                RunIdentity const& identity,
                                TrainedParts const& parts) {
  CheckpointShare checkpoint;
  checkpoint.step = state.step;
  auto const weights = named_tensors(parts.model);
  checkpoint.sets["model"].common = file_of(weights, state, identity);
  checkpoint.sets["optimizer"] = parts.optimizer.share();
  if (parts.average)
    checkpoint.sets["ema"].common =
        file_of(parts.average->put_into(weights), state, identity);
  checkpoint.facts = checkpoint_facts(state, identity, parts);
  return checkpoint;
}

TrainState restore_checkpoint(Checkpoint const& checkpoint,
                              RunIdentity const& identity,
                              TrainedParts const& parts) {
  check_identity(checkpoint, identity);
  restore_model(checkpoint, identity.classes, parts.model);
  parts.optimizer.load_state(file_of(checkpoint, "optimizer"));
  if (parts.average)
    parts.average->load(file_of(checkpoint, "ema").tensors,
                        count_of(fact(checkpoint, "ema_updates")));
  TrainState state;
  state.step = checkpoint.step;
  state.epoch_bad = count_of(fact(checkpoint, "epoch_bad"));
  state.evaluated_step = count_of(fact(checkpoint, "evaluated_step"));
  state.best_top1 = value_of(fact(checkpoint, "best_top1"));
  state.gained_top1 = value_of(fact(checkpoint, "gained_top1"));
  state.evals_without_gain =
      static_cast<int>(count_of(fact(checkpoint, "evals_without_gain")));
  state.ended_early = fact(checkpoint, "ended_early") == "yes";
  state.loss_scale = {parse_exact(fact(checkpoint, "loss_scale")),
                      count_of(fact(checkpoint, "loss_scale_steps"))};
  state.skipped = {
      .total = count_of(fact(checkpoint, "skipped")),
      .in_row = count_of(fact(checkpoint, "skipped_in_row")),
      .overflows = count_of(fact(checkpoint, "skipped_overflows"))};
  return state;
}

bool take_average(Checkpoint& checkpoint) {
  auto average = checkpoint.files.extract("ema");
  if (average.empty()) return false;
  checkpoint.files["model"] = std::move(average.mapped());
  return true;
}

bool restore_model(Checkpoint const& checkpoint, std::string const& classes,
                   Recogniser& model) {
  auto const& file = file_of(checkpoint, "model");
  auto const trained = file.metadata.find("classes");
  if (trained != file.metadata.end() && trained->second != classes)
    throw usage_error(
        "the weights of step {} were trained on other classes than the "
        "store's (other names, or in another order). Try a store that was "
        "packed with the labels.json of the training",
        checkpoint.step);
  auto const* const video = dynamic_cast<VideoModel*>(&model);
  if (!video) {  // one piece: all or nothing
    load_tensors(model, file.tensors, checkpoint.step);
    return true;
  }
  auto const fusion = below(file.tensors, kFusionPrefix);
  bool const has_backbones = fusion.size() < file.tensors.size();
  bool const wants_backbones = video->has_backbones();
  if (has_backbones && !wants_backbones)
    throw usage_error(
        "the checkpoint of step {} holds backbones of its own, and the "
        "features come from those of "
        "the configuration. Try data.source: clips, or to extract features "
        "with its backbones (model.semantic.weights, model.motion.weights)",
        checkpoint.step);
  if (has_backbones || !wants_backbones)
    load_tensors(model, file.tensors, checkpoint.step);
  else
    load_tensors(*video->fusion(), fusion, checkpoint.step);
  return has_backbones || !wants_backbones;
}

}  // namespace gasm
