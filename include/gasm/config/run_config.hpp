// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "gasm/config/alerts_config.hpp"
#include "gasm/config/checkpoint_config.hpp"
#include "gasm/config/data_config.hpp"
#include "gasm/config/eval_config.hpp"
#include "gasm/config/field.hpp"
#include "gasm/config/model_config.hpp"
#include "gasm/config/optim_config.hpp"
#include "gasm/config/parallel_config.hpp"
#include "gasm/config/train_config.hpp"
#include "gasm/config/watch_config.hpp"

namespace gasm {

struct IdentityConfig {
  std::string name = "run";
  std::string dir = "runs";
  std::uint64_t seed = 0;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("name", self.name, "Folder of the run, below dir.", non_empty());
    v.field("dir", self.dir, "Folder that holds the run folders.", non_empty());
    v.field("seed", self.seed, "Decides every random draw of the run.");
  }
};

struct LogConfig {
  int every_steps = 10;
  bool tensorboard = true;
  int histograms_every_steps = 0;
  bool images = true;
  int projector_samples = 0;
  std::string prometheus;
  int trace_steps = 0;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("every_steps", self.every_steps,
            "Steps between lines of the log and of metrics.jsonl.",
            between(1, 1 << 30));
    v.field("tensorboard", self.tensorboard,
            "Also write TensorBoard event files.");
    v.field("histograms_every_steps", self.histograms_every_steps,
            "Steps between TensorBoard's histograms of what learns and of its "
            "gradients (clipped, as the optimiser gets them); 0: none.",
            between(0, 1 << 30));
    v.field("images", self.images,
            "With tensorboard: the confusion matrix of each validation and, "
            "where clips are read, frames of each epoch's first batch.");
    v.field("projector_samples", self.projector_samples,
            "With tensorboard: so many clips of each validation, as the "
            "model's head sees them, for TensorBoard's projector; 0: none.",
            between(0, 100000));
    v.field("prometheus", self.prometheus,
            "A file NAME.prom that tells the run's newest figures, for the "
            "textfile collector of Prometheus' node_exporter; empty: none.");
    v.field("trace_steps", self.trace_steps,
            "Write what each rank did in so many steps, from the third on, to "
            "trace.json in the run folder, a Chrome trace; 0: none.",
            between(0, 1000));
  }
};

/// Everything that decides a run. The YAML file has these keys; an absent key
/// keeps the default that stands here.
struct RunConfig {
  IdentityConfig run;
  DataConfig data;
  ModelConfig model;
  OptimConfig optim;
  TrainConfig train;
  EvalConfig eval;
  ParallelConfig parallel;
  CheckpointConfig checkpoint;
  LogConfig log;
  WatchConfig watch;
  AlertsConfig alerts;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.section("run", self.run, "Name, place and seed.");
    v.section("data", self.data, "What is read, and how clips are made of it.");
    v.section("model", self.model, "Backbones and fusion.");
    v.section("optim", self.optim, "Optimiser, schedule and loss.");
    v.section("train", self.train, "Length, batches and arithmetic.");
    v.section("eval", self.eval, "Views of a video in gasm eval.");
    v.section("parallel", self.parallel, "How ranks work together.");
    v.section("checkpoint", self.checkpoint, "When to save, what to keep.");
    v.section("log", self.log, "What is reported.");
    v.section("watch", self.watch, "Ranks that hang, differ or are slow.");
    v.section("alerts", self.alerts, "When somebody should look.");
  }
};

}  // namespace gasm
