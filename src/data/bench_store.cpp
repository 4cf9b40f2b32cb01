// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/bench_store.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "gasm/base/clock.hpp"
#include "gasm/base/median.hpp"
#include "gasm/base/memory_use.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/data/ahead_readers.hpp"
#include "gasm/data/clip_loader.hpp"
#include "gasm/data/feature_loader.hpp"
#include "gasm/data/feature_table.hpp"
#include "gasm/data/open_store.hpp"
#include "gasm/data/store_choice.hpp"
#include "gasm/store/feature_store.hpp"
#include "gasm/store/record_slab.hpp"

namespace gasm {
namespace {

constexpr std::size_t kRawPieceBytes = std::size_t{16} << 20;
constexpr std::uint64_t kSeed = 0;

double gb_per_s(std::uint64_t num_bytes, double seconds) {
  return static_cast<double>(num_bytes) * 1e-9 / std::max(seconds, 1e-9);
}

void check_options(BenchStoreOptions const& options) {
  if (options.batch < 1 || options.num_threads < 1 || options.num_repeats < 1)
    throw usage_error(
        "cannot measure {} epochs of batches of {} by {} threads (each must "
        "be at least 1)",
        options.num_repeats, options.batch, options.num_threads);
  for (auto const mode : options.modes)
    if (mode == StoreMode::automatic)
      throw usage_error(
          "store mode auto is none to measure. Try resident, exchange, stream "
          "or direct");
}

/// Fails before memory that is not there ends the process.
void check_memory(Communicator const& world, std::uint64_t num_bytes,
                  std::vector<StoreMode> const& modes) {
  auto node = world.node_local();
  auto const ranks_here = world.all_reduce_max(node.size());
  node.close();
  auto const free_bytes = world.all_reduce_min(free_memory_bytes());
  for (auto const mode : modes) {
    auto const kept = kept_bytes(mode, num_bytes, ranks_here, world.size());
    if (kept > free_bytes)
      throw AgreedError(usage_error(
          "store mode {} keeps {:.2f} GB on a machine ({:.2f} GB are free). "
          "Try --modes stream,direct",
          to_word(mode), static_cast<double>(kept) * 1e-9,
          static_cast<double>(free_bytes) * 1e-9));
  }
}

/// The time of the slowest rank.
template <class Body>
double timed(Communicator const& world, Body const& body) {
  world.barrier();
  double const start_s = monotonic_s();
  body();
  return world.all_reduce_max(monotonic_s() - start_s);
}

std::unique_ptr<SampleStore> open_agreed(Communicator const& world,
                                         std::filesystem::path const& path) {
  return agree_call(world, [&] {
    return value_or_throw(open_store(path, ByteCheck::first_read));
  });
}

// ---- filling

/// This rank's share of the bytes of all records, as `dd bs=16M` reads.
void read_plainly(RecordFile const& file, int rank, int num_ranks,
                  std::span<std::byte> buffer) {
  for (std::size_t part = 0; part < file.num_parts(); ++part) {
    auto const all = part_range(file, part);
    auto const share = [&](int index) {
      return all.start + all.size / static_cast<std::uint64_t>(num_ranks) *
                             static_cast<std::uint64_t>(index);
    };
    auto at = share(rank);
    auto const end = rank + 1 == num_ranks ? all.end() : share(rank + 1);
    while (at < end) {
      auto const size = std::min<std::uint64_t>(buffer.size(), end - at);
      value_or_throw(file.file().read(at, buffer.first(size)));
      at += size;
    }
  }
}

double raw_read_s(Communicator const& world, RecordFile const& file,
                  std::span<std::byte> buffer) {
  return timed(world, [&] {
    agree_call(world,
               [&] { read_plainly(file, world.rank(), world.size(), buffer); });
  });
}

double fill_s(Communicator const& world, std::filesystem::path const& path) {
  // Opened anew: checksums are compared once by each object.
  auto const store = open_agreed(world, path);
  std::unique_ptr<RecordReader> reader;
  auto const seconds =
      timed(world, [&] { reader = make_resident_reader(world, *store); });
  reader->close();
  return seconds;
}

enum class Pages { cached, dropped };

/// Brings the file's pages into the state in which it shall be read.
void prepare_pages(Communicator const& world, RecordFile const& file,
                   Pages pages) {
  if (pages == Pages::cached) return;
  agree_call(world, [&] { value_or_throw(file.file().drop_cached()); });
}

StoreFillFigures measure_fill(Communicator const& world,
                              std::filesystem::path const& path,
                              BenchStoreOptions const& options, Pages pages) {
  auto const store = open_agreed(world, path);
  auto const num_bytes = total_record_bytes(*store);
  std::vector<std::byte> buffer(kRawPieceBytes);
  // Into the page cache, if that is where it shall be.
  if (pages == Pages::cached) (void)raw_read_s(world, *store, buffer);
  std::vector<double> raw, fill, ratio;
  for (int repeat = 0; repeat < options.num_repeats; ++repeat) {
    if (options.on_progress) options.on_progress("fill the resident store");
    prepare_pages(world, *store, pages);
    raw.push_back(gb_per_s(num_bytes, raw_read_s(world, *store, buffer)));
    prepare_pages(world, *store, pages);
    fill.push_back(gb_per_s(num_bytes, fill_s(world, path)));
    ratio.push_back(fill.back() / std::max(raw.back(), 1e-9));
  }
  return {median(raw), median(fill), median(ratio)};
}

// ---- batches

/// A store in one mode, and the plan of all epochs.
class ModeRun {
 public:
  /// `table`, if given, is what batches are made from.
  ModeRun(Communicator const& world, SampleStore const& store, StoreMode mode,
          BenchStoreOptions const& options, FeatureTable const* table = nullptr)
      : world_(world),
        store_(store),
        table_(table),
        on_progress_(options.on_progress),
        num_repeats_(options.num_repeats),
        plan_({.num_samples = store.size(),
               .global_batch = options.batch * world.size(),
               .micro_batch = options.batch,
               .seed = kSeed,
               .order = mode == StoreMode::stream ? SampleOrder::blocks
                                                  : SampleOrder::shuffled}),
        // One more than is measured: the last measured one, too, ends with the
        // next already begun.
        total_steps_((2 + num_repeats_) * plan_.steps_per_epoch()),
        prefetch_({.num_threads = options.num_threads,
                   .depth = 2 + options.num_threads}),
        reader_(make_reader(mode)),
        loader_(agree_call(world, [&] { return make_loader(); })) {}

  StoreModeFigures measure();

 private:
  struct Taken {
    std::uint64_t num_bytes = 0;
    std::int64_t num_samples = 0;
  };
  struct Epoch {
    double seconds = 0.0;
    Taken taken;  ///< by all ranks
  };

  std::unique_ptr<RecordReader> make_reader(StoreMode mode) const;
  std::unique_ptr<BatchLoader> make_loader() const;
  Epoch run_epoch(std::int64_t epoch, MicroBatchPrefetcher& batches);
  Taken take_own_batches(std::int64_t step, MicroBatchPrefetcher& batches);
  void check_delivered(std::int64_t epoch) const;

  Communicator const& world_;
  SampleStore const& store_;
  FeatureTable const* table_;
  std::function<void(std::string const&)> const& on_progress_;
  int num_repeats_;
  BatchPlan plan_;
  std::int64_t total_steps_;
  PrefetchOptions prefetch_;
  std::unique_ptr<RecordReader> reader_;
  std::unique_ptr<BatchLoader> loader_;
  std::vector<std::int64_t> times_seen_;  ///< of each sample, in an epoch
  std::int64_t num_bad_ = 0;              ///< slots, on this rank
};

std::unique_ptr<RecordReader> ModeRun::make_reader(StoreMode mode) const {
  if (mode == StoreMode::direct) return make_direct_reader(store_);
  if (mode == StoreMode::resident) return make_resident_reader(world_, store_);
  AheadOptions ahead{
      .plan = plan_, .total_steps = total_steps_, .depth = prefetch_.depth};
  if (auto const* features = dynamic_cast<FeatureStore const*>(&store_))
    ahead.record_of = training_record_of(*features, kSeed);
  if (mode == StoreMode::exchange)
    return make_exchange_reader(world_, store_, ahead);
  return make_stream_reader(store_, ahead, world_.rank(), world_.size());
}

std::unique_ptr<BatchLoader> ModeRun::make_loader() const {
  if (auto const* features = dynamic_cast<FeatureStore const*>(&store_)) {
    FeatureLoaderOptions loading;
    loading.seed = kSeed;
    if (table_)
      return std::make_unique<FeatureLoader>(*features, loading, *table_);
    return std::make_unique<FeatureLoader>(*features, loading, reader_.get());
  }
  auto const& clips = dynamic_cast<ClipStore const&>(store_);
  RunConfig config;
  config.run.seed = kSeed;
  return std::make_unique<ClipLoader>(
      clips, clip_loader_options(config, clips, SampleMode::train),
      reader_.get());
}

ModeRun::Epoch ModeRun::run_epoch(std::int64_t epoch,
                                  MicroBatchPrefetcher& batches) {
  times_seen_.assign(static_cast<std::size_t>(store_.size()), 0);
  Epoch found;
  auto const first = epoch * plan_.steps_per_epoch();
  found.seconds = timed(world_, [&] {
    for (auto step = first; step < first + plan_.steps_per_epoch(); ++step) {
      if (on_progress_) on_progress_("load batches");
      reader_->begin_step(step);
      auto const took =
          agree_call(world_, [&] { return take_own_batches(step, batches); });
      found.taken.num_bytes += took.num_bytes;
      found.taken.num_samples += took.num_samples;
    }
    if (table_ && table_->device().is_cuda()) torch::cuda::synchronize();
  });
  found.taken.num_bytes = world_.all_reduce_sum(found.taken.num_bytes);
  found.taken.num_samples = world_.all_reduce_sum(found.taken.num_samples);
  return found;
}

ModeRun::Taken ModeRun::take_own_batches(std::int64_t step,
                                         MicroBatchPrefetcher& batches) {
  Taken took;
  auto const own =
      rank_range(plan_.at(step).num_micro, world_.rank(), world_.size());
  for (auto index = own.begin; index < own.end; ++index) {
    auto const batch = batches.next();
    for (auto const sample : batch->samples) {
      ++times_seen_[static_cast<std::size_t>(sample)];
      // Clips are records, and features of all records are as large.
      took.num_bytes += num_record_bytes(store_, sample, sample + 1);
    }
    took.num_samples += batch->size();
    num_bad_ += batch->num_bad();
  }
  return took;
}

/// Substitutes for bad samples come more than once.
void ModeRun::check_delivered(std::int64_t epoch) const {
  auto seen = times_seen_;
  world_.all_reduce_sum(std::span(seen));
  if (world_.all_reduce_max(num_bad_) > 0) return;
  for (std::size_t i = 0; i < seen.size(); ++i)
    if (seen[i] != 1)
      throw AgreedError(error("epoch {} delivered clip '{}' {} times", epoch,
                              store_.id(static_cast<std::int64_t>(i)),
                              seen[i]));
}

StoreModeFigures ModeRun::measure() {
  StoreModeFigures figures;
  reader_->begin_step(0);
  auto batches = prefetch_batches(*loader_, plan_, {0, total_steps_},
                                  world_.rank(), world_.size(), prefetch_);
  std::vector<double> samples_per_s, rates;
  std::int64_t resident_before = 0;
  for (int epoch = 0; epoch <= num_repeats_; ++epoch) {
    auto const found = run_epoch(epoch, *batches);
    check_delivered(epoch);
    figures.num_samples = found.taken.num_samples;
    if (epoch == 0) {
      resident_before = resident_bytes();
      continue;
    }
    samples_per_s.push_back(static_cast<double>(found.taken.num_samples) /
                            std::max(found.seconds, 1e-9));
    rates.push_back(gb_per_s(found.taken.num_bytes, found.seconds));
  }
  figures.grown_bytes =
      world_.all_reduce_max(resident_bytes() - resident_before);
  figures.samples_per_s = median(samples_per_s);
  figures.gb_per_s = median(rates);
  figures.num_bad = world_.all_reduce_sum(num_bad_);
  // Threads may still be reading what close() takes away.
  batches.reset();
  reader_->close();
  return figures;
}

// ---- on a device

at::Device device_of(std::string const& word) {
  try {
    return at::Device(word);
  } catch (c10::Error const&) {
    throw usage_error("there is no device '{}'. Try cpu, cuda or cuda:0", word);
  }
}

DeviceFigures measure_device(Communicator const& world,
                             std::filesystem::path const& path,
                             BenchStoreOptions const& options) {
  auto const store = open_agreed(world, path);
  auto const* features = dynamic_cast<FeatureStore const*>(store.get());
  if (!features)
    throw AgreedError(usage_error(
        "{} holds clips (only features are kept on a device). Try without "
        "--device",
        path.string()));
  if (options.on_progress) options.on_progress("fill the device");
  std::optional<FeatureTable> table;
  auto const reader = make_direct_reader(*store);
  auto const seconds = timed(world, [&] {
    agree_call(world, [&] {
      table.emplace(*features, *reader, device_of(options.device));
    });
  });
  DeviceFigures figures;
  figures.fill_gb_per_s = gb_per_s(
      table->num_bytes() * static_cast<std::uint64_t>(world.size()), seconds);
  figures.batches =
      ModeRun(world, *store, StoreMode::direct, options, &*table).measure();
  return figures;
}

}  // namespace

BenchStoreResult bench_store(Communicator const& world,
                             std::filesystem::path const& path,
                             BenchStoreOptions const& options) {
  check_options(options);
  BenchStoreResult result;
  result.num_ranks = world.size();
  result.num_bytes = total_record_bytes(*open_agreed(world, path));
  check_memory(world, result.num_bytes, options.modes);
  if (std::ranges::count(options.modes, StoreMode::resident) > 0) {
    result.fill = measure_fill(world, path, options, Pages::cached);
    result.cold_fill = measure_fill(world, path, options, Pages::dropped);
  }
  for (auto const mode : options.modes) {
    auto const store = open_agreed(world, path);
    auto figures = ModeRun(world, *store, mode, options).measure();
    figures.mode = mode;
    result.modes.push_back(figures);
  }
  if (!options.device.empty())
    result.device = measure_device(world, path, options);
  return result;
}

}  // namespace gasm
