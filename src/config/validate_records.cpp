// SPDX-License-Identifier: Apache-2.0
#include "refuse.hpp"

namespace gasm::config_detail {
namespace {

void check_checkpoint(CheckpointConfig const& config, Locate const& locate) {
  if (config.interval == SaveInterval::fixed) return;
  refuse_if(config.mtbf_hours == 0, locate, "checkpoint.mtbf_hours",
            "is 0, but checkpoint.interval: auto needs the mean time between "
            "failures of the whole job (a node's, divided by the number of "
            "nodes). Try 24, or checkpoint.interval: fixed.");
  refuse_if(config.every_minutes == 0, locate, "checkpoint.every_minutes",
            "is 0, but checkpoint.interval: auto needs it until a save was "
            "measured. Try 5.");
}

void check_log(RunConfig const& config, Locate const& locate) {
  auto const& log = config.log;
  refuse_if(!log.prometheus.empty() && !log.prometheus.ends_with(".prom"),
            locate, "log.prometheus",
            "is {} (node_exporter reads names that end in .prom). Try {}.prom.",
            log.prometheus, log.prometheus);
  auto const needs_board = [&](bool is_on, std::string_view path) {
    refuse_if(is_on && !log.tensorboard, locate, path,
              "is for TensorBoard, but log.tensorboard is false. Try true.");
  };
  needs_board(log.histograms_every_steps > 0, "log.histograms_every_steps");
  needs_board(log.projector_samples > 0, "log.projector_samples");
  refuse_if(log.projector_samples > 0 && config.model.kind != ModelKind::fusion,
            locate, "log.projector_samples",
            "is {}, but model.kind: {} has no pooled features. Try 0.",
            log.projector_samples, to_word(config.model.kind));
}

}  // namespace

void check_records(RunConfig const& config, Locate const& locate) {
  check_checkpoint(config.checkpoint, locate);
  check_log(config, locate);
}

}  // namespace gasm::config_detail
