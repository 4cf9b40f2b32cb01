// SPDX-License-Identifier: Apache-2.0
#include "gasm/ckpt/checkpoint_saver.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <utility>

#include "checkpoint_manifest.hpp"
#include "checkpoint_shards.hpp"
#include "gasm/base/background.hpp"
#include "gasm/base/file.hpp"
#include "gasm/comm/agree.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using Files = std::map<std::string, CheckpointFile>;

/// No other job's, also where process numbers come again.
std::string job_name(Communicator const& comm) {
  auto const now = std::chrono::system_clock::now().time_since_epoch();
  auto name = fmt::format(
      "{}-{:x}", ::getpid(),
      std::chrono::duration_cast<std::chrono::microseconds>(now).count());
  comm.broadcast(name);
  return name;
}

template <class T>
bool is_done(std::future<T> const& future) {
  return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

/// What `work` returns, by a thread of its own.
template <class Work>
auto beside(Work work) {
  return std::async(std::launch::async, [work = std::move(work)] {
    give_way_to_other_threads();
    return caught(work);
  });
}

}  // namespace

struct CheckpointSaver::Impl {
  enum class Stage { idle, writing, publishing };

  Communicator const& comm;
  CheckpointStore store;
  Retention retention;
  std::uint64_t min_bytes;
  std::string job;
  Stage stage = Stage::idle;
  fs::path unfinished;
  CheckpointManifest manifest;
  std::map<std::string, at::Tensor> copies;  ///< by file and tensor
  /// Of this rank's thread; only one of them is in use at a time.
  std::future<Result<Files>> written;
  std::optional<Result<Files>> files;
  std::future<Result<void>> published;
  std::optional<Result<void>> outcome;

  /// Takes what a thread has left, if it has ended.
  void look() {
    if (written.valid() && is_done(written)) files = written.get();
    if (published.valid() && is_done(published)) outcome = published.get();
  }

  void wait() {
    if (written.valid()) files = written.get();
    if (published.valid()) outcome = published.get();
  }

  std::optional<Error> failure_of_mine() const {
    if (files && !*files) return files->error();
    if (outcome && !*outcome) return outcome->error();
    return std::nullopt;
  }

  /// The same values in memory of our own.
  at::Tensor copy_of(std::string const& name, at::Tensor const& tensor) {
    auto& copy = copies[name];
    if (!copy.defined() || copy.sizes() != tensor.sizes() ||
        copy.scalar_type() != tensor.scalar_type())
      copy = at::empty(tensor.sizes(),
                       at::TensorOptions(tensor.scalar_type())
                           .pinned_memory(tensor.device().is_cuda()));
    copy.copy_(tensor.detach());
    return copy;
  }

  /// Copies this rank's part of `share`, and lets a thread write it.
  void start_writing(CheckpointShare const& share);
  void start_publishing();
  void give_up();
};

CheckpointSaver::CheckpointSaver(Communicator const& comm,
                                 CheckpointStore store,
                                 Retention const& retention,
                                 std::uint64_t min_shard_bytes)
    : impl_(std::make_unique<Impl>(Impl{.comm = comm,
                                        .store = std::move(store),
                                        .retention = retention,
                                        .min_bytes = min_shard_bytes,
                                        .job = job_name(comm),
                                        .unfinished = {},
                                        .manifest = {},
                                        .copies = {},
                                        .written = {},
                                        .files = {},
                                        .published = {},
                                        .outcome = {}})) {}

CheckpointSaver::~CheckpointSaver() { impl_->wait(); }

void CheckpointSaver::begin(CheckpointShare const& share) {
  auto& my = *impl_;
  GASM_ASSERT(my.stage == Impl::Stage::idle);
  my.files.reset();
  my.outcome.reset();
  my.unfinished = my.store.unfinished(share.step, my.job);
  my.manifest = {.step = share.step,
                 .num_ranks = my.comm.size(),
                 .score = std::nullopt,
                 .facts = share.facts,
                 .files = {}};
  my.stage = Impl::Stage::writing;
  // A failure here, of memory say, is told as one of the thread is.
  auto const started = caught([&] { my.start_writing(share); });
  if (!started) my.files = tl::unexpected(started.error());
}

void CheckpointSaver::Impl::start_writing(CheckpointShare const& share) {
  auto plan = plan_shards(
      share.sets,
      {.rank = comm.rank(), .num_ranks = comm.size(), .min_bytes = min_bytes});
  for (auto& file : plan.files)
    for (auto& [name, tensor] : file.contents.tensors)
      tensor = copy_of(file.name + "/" + name, tensor);
  written = beside([path = unfinished, what = std::move(plan), where = store,
                    is_root = comm.is_root()] {
    if (is_root) value_or_throw(where.prepare(path));
    return value_or_throw(write_planned(path, what));
  });
}

bool CheckpointSaver::is_in_flight() const {
  return impl_->stage != Impl::Stage::idle;
}

CheckpointSaver::Flags CheckpointSaver::flags() const {
  auto& my = *impl_;
  my.look();
  return {.is_busy = my.written.valid() || my.published.valid(),
          .has_failed = my.failure_of_mine().has_value()};
}

void CheckpointSaver::advance(Flags any) {
  auto& my = *impl_;
  if (my.stage == Impl::Stage::idle) return;
  if (any.has_failed) {
    my.wait();
    my.give_up();
    agree_failures(my.comm, my.failure_of_mine());
  }
  if (any.is_busy) return;
  if (my.stage == Impl::Stage::writing) return my.start_publishing();
  my.stage = Impl::Stage::idle;
}

void CheckpointSaver::Impl::start_publishing() {
  stage = Stage::publishing;
  auto const texts = comm.gather_strings(files_to_text(**files));
  if (!comm.is_root()) return;
  for (auto const& text : texts) manifest.files.merge(files_from_text(text));
  auto const started = caught([&] {
    published = beside(
        [where = store, path = unfinished, what = manifest, kept = retention] {
          value_or_throw(where.publish(path, what, kept));
        });
  });
  if (!started) outcome = started;
}

/// What other ranks wrote is of no use without the part that failed.
void CheckpointSaver::Impl::give_up() {
  stage = Stage::idle;
  comm.barrier();  // no rank's thread writes there any more
  if (comm.is_root()) (void)remove_tree(unfinished);
}

void CheckpointSaver::finish() {
  while (is_in_flight()) {
    impl_->wait();
    std::int64_t const failed = flags().has_failed ? 1 : 0;
    advance({.is_busy = false,
             .has_failed = impl_->comm.all_reduce_max(failed) > 0});
  }
}

void CheckpointSaver::rescore(std::int64_t step, double score,
                              std::map<std::string, std::string> const& facts) {
  GASM_ASSERT(!is_in_flight());
  auto const& my = *impl_;
  agree_ok(my.comm, my.comm.is_root()
                        ? my.store.rescore(step, score, facts, my.retention)
                        : Result<void>());
}

}  // namespace gasm
