// SPDX-License-Identifier: Apache-2.0
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
