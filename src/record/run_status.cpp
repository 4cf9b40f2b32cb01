// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/run_status.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <string_view>
#include <system_error>
#include <utility>

#include "gasm/base/clock.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/file_lock.hpp"
#include "gasm/record/metrics.hpp"
#include "gasm/record/run_folder.hpp"
#include "json_lines.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 4;  // folders of run folders, as run.name may have /

constexpr std::array<std::pair<RunCondition, char const*>, 7> kWords = {
    {{RunCondition::starting, "starting"},
     {RunCondition::running, "running"},
     {RunCondition::stopped, "stopped"},
     {RunCondition::failed, "failed"},
     {RunCondition::done, "done"},
     {RunCondition::dead, "dead"},
     {RunCondition::damaged, "damaged"}}};

std::optional<std::int64_t> step_of_name(std::string const& name) {
  constexpr std::string_view prefix = "step-";
  if (!name.starts_with(prefix)) return std::nullopt;
  std::int64_t step = 0;
  auto const* last = name.data() + name.size();
  auto const [end, why] =
      std::from_chars(name.data() + prefix.size(), last, step);
  if (why != std::errc() || end != last) return std::nullopt;
  return step;
}

/// Unix time of a file's last change; none if it is not there.
std::optional<double> changed_s(fs::path const& path) {
  std::error_code missing;
  auto const time = fs::last_write_time(path, missing);
  if (missing) return std::nullopt;
  auto const on_clock = std::chrono::file_clock::to_sys(time);
  return std::chrono::duration<double>(on_clock.time_since_epoch()).count();
}

void read_curve(fs::path const& path, RunStatus& status) {
  auto const text = read_text(path);
  if (!text) return;
  auto rest = record_detail::whole_lines(*text);
  std::string last;
  while (!rest.empty()) {
    auto line = std::string(record_detail::take_line(rest));
    // Most lines are none of a validation, and need not be parsed.
    if (line.find(R"("split": "val")") != std::string::npos)
      if (auto const parsed = parse_metrics_line(line))
        if (auto const top1 = find_value(*parsed, "top1"))
          status.best_top1 = std::max(*top1, status.best_top1.value_or(*top1));
    last = std::move(line);
  }
  if (auto const parsed = parse_metrics_line(last)) status.step = parsed->step;
}

/// What the manifest and the lock say together.
RunCondition condition_of(std::optional<Manifest> const& manifest,
                          LockState lock) {
  bool const says_running = manifest && manifest->state == RunState::running;
  if (lock == LockState::held)
    return says_running ? RunCondition::running : RunCondition::starting;
  if (!manifest) return RunCondition::dead;
  switch (manifest->state) {
    case RunState::running:
      // On a file system without locks nobody can know.
      return lock == LockState::free ? RunCondition::dead
                                     : RunCondition::running;
    case RunState::done:
      return RunCondition::done;
    case RunState::stopped:
      return RunCondition::stopped;
    case RunState::failed:
      return RunCondition::failed;
  }
  return RunCondition::damaged;
}

/// What lies in a folder; what cannot be read of it is left out.
std::vector<fs::directory_entry> entries_of(fs::path const& folder,
                                            std::error_code& why) {
  std::vector<fs::directory_entry> found;
  for (fs::directory_iterator entry(folder, why), end; !why && entry != end;
       entry.increment(why))
    found.push_back(*entry);
  return found;
}

void find_below(fs::path const& folder, int depth,
                std::vector<fs::path>& found) {
  if (is_run_folder(folder)) return found.push_back(folder);
  if (depth == 0) return;
  std::error_code why;
  auto const entries = entries_of(folder, why);
  // Perhaps a run's: its status says why nobody knows.
  if (why) return found.push_back(folder);
  for (auto const& entry : entries) {
    std::error_code gone;
    if (entry.is_directory(gone) && !entry.is_symlink(gone))
      find_below(entry.path(), depth - 1, found);
  }
}

}  // namespace

std::string to_string(RunCondition condition) {
  for (auto const& [value, word] : kWords)
    if (value == condition) return word;
  return "unknown";
}

bool is_run_folder(fs::path const& folder) {
  std::error_code unreadable;
  for (auto const* name : {"manifest.json", "metrics.jsonl", "lock"})
    if (fs::is_regular_file(folder / name, unreadable)) return true;
  return false;
}

std::optional<std::int64_t> newest_checkpoint(fs::path const& checkpoints) {
  std::optional<std::int64_t> newest;
  std::error_code missing;
  for (auto const& entry : entries_of(checkpoints, missing)) {
    auto const step = step_of_name(entry.path().filename().string());
    std::error_code gone;
    if (step && *step > newest.value_or(-1) &&
        fs::exists(entry.path() / "manifest.json", gone))
      newest = step;
  }
  return newest;
}

RunStatus read_run_status(fs::path const& path) {
  RunFolder const folder(path);
  RunStatus status;
  status.path = path;
  std::error_code why;
  (void)entries_of(path, why);
  if (why) {
    status.problem = "the folder cannot be read: " + why.message();
    return status;
  }
  // Before the manifest: a run that ends in between is done, not dead.
  auto const lock = lock_state(path / "lock");
  std::error_code missing;
  if (fs::exists(folder.manifest(), missing)) {
    auto manifest = read_manifest(folder.manifest());
    if (manifest) {
      status.problem = manifest->message;
      status.manifest = *std::move(manifest);
    } else {
      status.problem = manifest.error().what();
    }
  }
  bool const is_damaged = !status.manifest && !status.problem.empty();
  status.condition = is_damaged && lock != LockState::held
                         ? RunCondition::damaged
                         : condition_of(status.manifest, lock);
  read_curve(folder.metrics(), status);
  status.newest_checkpoint = newest_checkpoint(folder.checkpoints());
  double last_s = 0;
  for (auto const& file : {folder.metrics(), folder.manifest(), path / "lock"})
    last_s = std::max(last_s, changed_s(file).value_or(0));
  status.age_s = std::max(0.0, unix_time_s() - last_s);
  return status;
}

Result<std::vector<fs::path>> find_run_folders(fs::path const& folder) {
  std::error_code why;
  (void)entries_of(folder, why);
  if (why)
    return failure("cannot read {} ({}). Try the folder of run.dir",
                   folder.string(), why.message());
  std::vector<fs::path> found;
  find_below(folder, kDeepest, found);
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace gasm
