// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "gasm/config/field.hpp"

namespace gasm {

enum class Precision { fp32, bf16, fp16 };
constexpr auto choices(Precision) {
  return std::array{Choice{Precision::fp32, "fp32"},
                    Choice{Precision::bf16, "bf16"},
                    Choice{Precision::fp16, "fp16"}};
}

enum class ActivationCheckpointing { none, blocks };
constexpr auto choices(ActivationCheckpointing) {
  return std::array{Choice{ActivationCheckpointing::none, "none"},
                    Choice{ActivationCheckpointing::blocks, "blocks"}};
}

enum class DeviceChoice { automatic, cpu, cuda };
constexpr auto choices(DeviceChoice) {
  return std::array{Choice{DeviceChoice::automatic, "auto"},
                    Choice{DeviceChoice::cpu, "cpu"},
                    Choice{DeviceChoice::cuda, "cuda"}};
}

enum class CudaGraph { automatic, off };
constexpr auto choices(CudaGraph) {
  return std::array{Choice{CudaGraph::automatic, "auto"},
                    Choice{CudaGraph::off, "off"}};
}

struct EarlyStopConfig {
  int patience = 0;
  double min_delta = 0.0;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("patience", self.patience,
            "Evaluations without a better top-1 after which the run ends; 0: "
            "never.",
            between(0, 1 << 20));
    v.field("min_delta", self.min_delta,
            "Smallest gain in top-1 (a fraction of 1) that counts as better.",
            between(0, 1));
  }
};

struct TrainConfig {
  double epochs = 20;
  std::optional<std::int64_t> steps;
  std::optional<std::int64_t> stop_after;
  int global_batch = 64;
  int micro_batch = 16;
  DeviceChoice device = DeviceChoice::cpu;
  CudaGraph cuda_graph = CudaGraph::automatic;
  Precision precision = Precision::fp32;
  ActivationCheckpointing activation_checkpointing =
      ActivationCheckpointing::none;
  double eval_every_epochs = 1.0;
  EarlyStopConfig early_stop;
  double ema = 0.0;
  int max_skipped_steps = 0;
  double watchdog_s = 600;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("epochs", self.epochs, "Passes over the training store.",
            between(0, 1e6));
    v.field("steps", self.steps,
            "Steps of the optimiser; null: as epochs says.", at_least(0));
    v.field("stop_after", self.stop_after,
            "End after so many steps as a signal would, with a checkpoint and "
            "exit code 85; null: never.",
            at_least(1));
    v.field("global_batch", self.global_batch,
            "Clips of one step, over all ranks.", between(1, 1 << 24));
    v.field("micro_batch", self.micro_batch,
            "Clips that go through the model at once: the unit of batch "
            "statistics and of random numbers.",
            between(1, 1 << 20));
    v.field("device", self.device,
            "Where the model is trained and evaluated. cuda: one GPU a rank; "
            "auto: cuda where this program and all machines have it. On GPUs "
            "sums depend on the number of ranks by rounding.");
    v.field("cuda_graph", self.cuda_graph,
            "auto: on one GPU, steps on features are recorded once and "
            "replayed as CUDA graphs, which takes the host out of them. off: "
            "each operation is launched on its own.");
    v.field("precision", self.precision,
            "Number format of matrix products and convolutions; parameters, "
            "sums and norms stay in fp32. fp16 scales the loss.");
    v.field("activation_checkpointing", self.activation_checkpointing,
            "blocks: the inside of a block is computed again in the backward "
            "pass, which saves memory and costs time. Same numbers.");
    v.field("eval_every_epochs", self.eval_every_epochs,
            "Epochs between evaluations; 0: only at the end.", between(0, 1e6));
    v.section("early_stop", self.early_stop, "Ending before the last epoch.");
    v.field("ema", self.ema,
            "Decay of the moving average of the weights, which is evaluated in "
            "their place; smaller at first: (1 + t) / (10 + t) after t "
            "updates. 0: none.",
            below(1));
    v.field("max_skipped_steps", self.max_skipped_steps,
            "Steps in a row that are left out, and change nothing, because "
            "their loss or gradient is not finite; one more ends the run. fp16 "
            "lowers its loss scale first, which does not count.",
            between(0, 1 << 20));
    v.field("watchdog_s", self.watchdog_s,
            "Seconds without progress after which the run ends with exit code "
            "75; 0: never.",
            between(0, 1e6));
  }
};

}  // namespace gasm
