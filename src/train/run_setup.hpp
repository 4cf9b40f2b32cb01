// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gasm/comm/communicator.hpp"
#include "gasm/comm/watchdog.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/data/batch_loader.hpp"
#include "gasm/data/clip_loader.hpp"
#include "gasm/data/step_plan.hpp"
#include "gasm/models/model_summary.hpp"
#include "gasm/models/recogniser.hpp"
#include "gasm/store/record_reader.hpp"
#include "gasm/store/sample_store.hpp"
#include "gradient_sum.hpp"
#include "optimizer.hpp"

namespace gasm {

/// An open store and what makes batches of it.
struct SampleSource {
  std::unique_ptr<SampleStore> store;
  std::unique_ptr<RecordReader> reader;
  std::unique_ptr<BatchLoader> loader;

  std::int64_t size() const { return store->size(); }
};

/// Opens `path` on every rank, a store of clips or of features as data.source
/// says, in the store mode of the configuration for SampleMode::train. What is
/// evaluated on is read in the order of the file, and so resident, or direct
/// where that was asked for or it does not fit; `views` are for evaluation on
/// clips. The same AgreedError on all ranks if one cannot, or if features are
/// not those of the configuration's model. Collective.
SampleSource open_samples(Communicator const& world, RunConfig const& config,
                          Watchdog& watchdog, std::string const& path,
                          SampleMode mode, TestViews views = {});

/// What a training learns from and is measured on.
struct TrainingData {
  SampleSource train;
  SampleSource val;
  int num_classes = 0;
};

/// Opens data.train and data.val. A usage error if their classes are not the
/// same, or are more than the configuration's. Collective.
TrainingData open_training_data(Communicator const& world,
                                RunConfig const& config, Watchdog& watchdog);

/// Releases what its readers share. Collective.
void close(TrainingData& data);

/// The order in which a training sees its `num_samples` clips.
BatchPlan make_batch_plan(RunConfig const& config, std::int64_t num_samples);

/// How long a phase may take without progress: its own deadline (of
/// config.watch), or that of all.
double deadline_s(RunConfig const& config,
                  std::optional<double> const& of_phase);

/// How far the prefetcher of a training works ahead.
PrefetchOptions prefetch_options(RunConfig const& config);
/// The same, with the faults that tests ask for.
PrefetchOptions loader_options(RunConfig const& config, int rank);

/// Classes of the configuration, or of the data where it names none. An Error
/// if the two contradict each other.
int num_classes_of(RunConfig const& config, SampleStore const& store);

enum class FirstWeights {
  seeded,      ///< drawn from run.seed: a checkpoint replaces them all
  pretrained,  ///< and from the files that the configuration names
};

/// The model with its first weights, without backbones where data.source is
/// features. Collective.
std::shared_ptr<Recogniser> build_model(Communicator const& world,
                                        RunConfig const& config,
                                        Watchdog& watchdog, int num_classes,
                                        FirstWeights weights);

/// What a training keeps of its forward passes.
Activations activations_of(TrainConfig const& train);

GradientSumOptions gradient_sum_options(ParallelConfig const& parallel);

/// The optimiser of a training whose gradients `sums` adds up, which must
/// outlive it. With parallel.zero1 its members are collective.
std::unique_ptr<Optimizer> training_optimizer(
    RunConfig const& config, std::vector<ParameterInfo> const& parameters,
    GradientSum& sums);

/// The share of optim.lr at which each parameter learns.
std::vector<double> lr_scales(RunConfig const& config,
                              std::vector<ParameterInfo> const& parameters);

/// Lengths of a run in steps, from its epochs and the size of its data.
struct RunLength {
  std::int64_t total_steps = 0;
  std::int64_t warmup_steps = 0;
  std::vector<std::int64_t> drop_steps = {};  ///< optim.step_epochs
  std::int64_t eval_every = 0;  ///< steps between evaluations; 0: at the end
};
RunLength run_length(RunConfig const& config, std::int64_t steps_per_epoch);

/// All that decides the curve: the configuration without names, places, and
/// what may change between a stop and a resumption.
RunConfig experiment_of(RunConfig const& config);
/// Its digest.
std::string experiment_digest(RunConfig const& config);

/// One thread a rank unless OMP_NUM_THREADS says otherwise.
void set_torch_threads();

}  // namespace gasm
