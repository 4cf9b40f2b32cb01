// SPDX-License-Identifier: Apache-2.0
#include "gasm/train/batch_digest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "gasm/base/hash.hpp"
#include "gasm/comm/agree.hpp"
#include "run_setup.hpp"

namespace gasm {
namespace {

/// What one rank tells the root of one sample: its digest, then its id.
constexpr std::size_t kDigestBytes = sizeof(std::uint64_t);

template <class T>
void append(std::string& text, T const& value) {
  text.append(reinterpret_cast<char const*>(&value), sizeof value);
}

std::uint64_t digest_of(MicroBatch const& batch, std::int64_t slot,
                        std::string const& id) {
  std::string bytes = id;
  bytes.push_back('\0');
  for (auto const* tensor : {&batch.clips, &batch.semantic, &batch.motion}) {
    if (!tensor->defined()) continue;
    auto const values = (*tensor)[slot].contiguous();
    bytes.append(static_cast<char const*>(values.data_ptr()), values.nbytes());
  }
  append(bytes, batch.labels[slot].item<std::int64_t>());
  append(bytes, batch.own_share);
  append(bytes, batch.other_labels.defined()
                    ? batch.other_labels[slot].item<std::int64_t>()
                    : std::int64_t{-1});
  return xxh64(std::as_bytes(std::span(bytes)));
}

/// "DIGEST id\0" for each sample of this rank's micro-batches of a step.
std::string own_part(SampleSource const& source, Slice micro,
                     MicroBatchPrefetcher& batches) {
  std::string text;
  for (auto index = micro.begin; index < micro.end; ++index) {
    auto const batch = batches.next();
    for (std::int64_t slot = 0; slot < batch->size(); ++slot) {
      auto const sample = batch->samples[static_cast<std::size_t>(slot)];
      auto const& id = source.store->id(sample);
      append(text, digest_of(*batch, slot, id));
      text += id;
      text.push_back('\0');
    }
  }
  return text;
}

GlobalBatch join(std::int64_t step, std::vector<std::string> const& parts) {
  GlobalBatch batch{.step = step, .ids = {}, .digest = 0};
  std::string digests;
  for (auto const& part : parts) {
    for (std::size_t at = 0; at < part.size();) {
      digests.append(part, at, kDigestBytes);
      batch.ids.emplace_back(part.c_str() + at + kDigestBytes);
      at += kDigestBytes + batch.ids.back().size() + 1;
    }
  }
  batch.digest = xxh64(std::as_bytes(std::span(digests)));
  return batch;
}

Slice steps_of(BatchRange range, std::int64_t steps_per_epoch,
               std::int64_t total_steps) {
  auto const first = range.epoch * steps_per_epoch;
  Slice const steps{first + range.from,
                    std::min(total_steps, first + steps_per_epoch)};
  if (range.epoch < 0 || range.from < 0 || steps.size() < 1)
    throw usage_error(
        "there is no step {} in epoch {} (an epoch has {} steps, the run {}). "
        "Try --epoch 0",
        range.from, range.epoch, steps_per_epoch, total_steps);
  return steps;
}

}  // namespace

void digest_batches(Communicator const& world, RunConfig const& config,
                    BatchRange range,
                    std::function<void(GlobalBatch const&)> const& on_batch) {
  Watchdog watchdog({.rank = world.rank(), .num_ranks = world.size()});
  auto source = open_samples(world, config, watchdog, config.data.train,
                             SampleMode::train);
  auto const plan = make_batch_plan(config, source.size());
  auto const steps =
      steps_of(range, plan.steps_per_epoch(),
               run_length(config, plan.steps_per_epoch()).total_steps);
  Phase const phase(watchdog, "load batches", config.train.watchdog_s);
  source.reader->begin_step(steps.begin);
  auto const batches =
      prefetch_batches(*source.loader, plan, steps, world.rank(), world.size(),
                       prefetch_options(config));
  auto const first = range.epoch * plan.steps_per_epoch();
  for (auto step = steps.begin; step < steps.end; ++step) {
    source.reader->begin_step(step);
    auto const own =
        rank_range(plan.at(step).num_micro, world.rank(), world.size());
    auto const part =
        agree_call(world, [&] { return own_part(source, own, *batches); });
    auto const parts = world.gather_strings(part, 0);
    if (world.is_root()) on_batch(join(step - first, parts));
    watchdog.progress(fmt::format("step {}", step));
  }
  source.reader->close();
}

}  // namespace gasm
