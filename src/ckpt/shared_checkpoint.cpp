// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "checkpoint_manifest.hpp"
#include "checkpoint_shards.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/log.hpp"
#include "gasm/ckpt/checkpoint.hpp"
#include "gasm/comm/agree.hpp"

namespace gasm {
namespace {

/// The link points to nothing where a folder was moved or removed by hand.
void warn_of_dangling_link(CheckpointStore const& store) {
  if (auto const problem = find_dangling_link(store.folder() / "latest"))
    log_warn("{}", problem->what());
}

enum class Verdict : std::int64_t { good, damaged, refused };

Verdict verdict_of(Result<Checkpoint> const& checkpoint) {
  if (checkpoint) return Verdict::good;
  return checkpoint.error().code() == ExitCode::usage ? Verdict::refused
                                                      : Verdict::damaged;
}

}  // namespace

void save_checkpoint(Communicator const& comm, CheckpointStore const& store,
                     CheckpointShare const& share, std::optional<double> score,
                     Retention const& retention,
                     std::uint64_t min_shard_bytes) {
  auto job = std::to_string(::getpid());
  comm.broadcast(job);
  auto const unfinished = store.unfinished(share.step, job);
  agree_ok(comm, comm.is_root() ? store.prepare(unfinished) : Result<void>());
  auto const mine = write_shards(unfinished, share.sets,
                                 {.rank = comm.rank(),
                                  .num_ranks = comm.size(),
                                  .min_bytes = min_shard_bytes});
  try {
    agree_failures(comm, mine ? std::nullopt : std::optional(mine.error()));
  } catch (AgreedError const&) {
    if (comm.is_root()) (void)remove_tree(unfinished);
    throw;
  }
  auto const texts = comm.gather_strings(files_to_text(*mine));
  Result<void> published;
  if (comm.is_root()) {
    CheckpointManifest manifest{.step = share.step,
                                .num_ranks = comm.size(),
                                .score = score,
                                .facts = share.facts,
                                .files = {}};
    for (auto const& text : texts) manifest.files.merge(files_from_text(text));
    published = store.publish(unfinished, manifest, retention);
  }
  agree_ok(comm, published);
}

std::optional<Checkpoint> load_newest_checkpoint(Communicator const& comm,
                                                 CheckpointStore const& store) {
  // Rank 0 looks at the disk; all ranks read what it names.
  std::vector<CheckpointInfo> list;
  if (comm.is_root()) {
    list = store.list();
    warn_of_dangling_link(store);
  }
  auto num_left = static_cast<std::int64_t>(list.size());
  comm.broadcast(num_left);
  for (; num_left > 0; --num_left) {
    std::string path;
    if (comm.is_root())
      path = list[static_cast<std::size_t>(num_left - 1)].path.string();
    comm.broadcast(path);
    auto checkpoint = store.load(path);
    auto const worst = static_cast<Verdict>(
        comm.all_reduce_max(static_cast<std::int64_t>(verdict_of(checkpoint))));
    if (worst == Verdict::good) return *std::move(checkpoint);
    if (worst == Verdict::refused)
      agree_failures(
          comm, checkpoint ? std::nullopt : std::optional(checkpoint.error()));
    if (!checkpoint)
      log_rank_warn("checkpoint {} is passed over: {}", path,
                    checkpoint.error().what());
  }
  return std::nullopt;
}

}  // namespace gasm
