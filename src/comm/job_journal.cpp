// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/job_journal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

struct Written {
  std::string lines;
  int last_run = 0;
};

/// N of "run-N-rank-R.jsonl"; 0 for any other name.
int run_number(std::string const& name) {
  constexpr std::string_view start = "run-";
  if (!name.starts_with(start) || !name.ends_with(".jsonl")) return 0;
  return std::atoi(name.c_str() + start.size());
}

Written read_files(fs::path const& folder, JobJournalOptions const& options) {
  std::vector<std::pair<int, fs::path>> files;
  for (auto const& entry : fs::directory_iterator(folder))
    if (int const run = run_number(entry.path().filename().string()); run > 0)
      files.emplace_back(run, entry.path());
  std::ranges::sort(files);
  Written written;
  auto const header = options.header + "\n";
  for (auto const& [run, file] : files) {
    if (options.start_anew) {
      fs::remove(file);
      continue;
    }
    auto text = value_or_throw(read_text(file));
    // A killed writer may have left the last line unfinished.
    text.resize(text.rfind('\n') + 1);
    if (text.starts_with(header)) written.lines += text.substr(header.size());
    written.last_run = run;
  }
  return written;
}

Written read_or_throw(fs::path const& folder,
                      JobJournalOptions const& options) {
  try {
    return read_files(folder, options);
  } catch (fs::filesystem_error const& why) {
    // Where another job came to its end, it was removed just now.
    throw error("cannot read the journal {} ({}). Try again, or to remove it",
                folder.string(), why.code().message());
  }
}

}  // namespace

JobJournal JobJournal::open(Communicator const& comm, fs::path const& folder,
                            JobJournalOptions const& options) {
  std::optional<FileLock> lock;
  // Read by the root alone, so that all ranks know the same.
  auto written = agree_call(comm, [&] {
    if (!comm.is_root()) return Written{};
    value_or_throw(make_folder(folder));
    lock = value_or_throw(
        FileLock::take(folder / "lock", options.lock_patience_s));
    return read_or_throw(folder, options);
  });
  comm.broadcast(written.lines);
  comm.broadcast(written.last_run);
  return agree_call(comm, [&] {
    auto const path = folder / fmt::format("run-{}-rank-{}.jsonl",
                                           written.last_run + 1, comm.rank());
    JobJournal journal(
        value_or_throw(FileWriter::open(path, FileWriter::Mode::truncate)),
        std::move(lock), std::move(written.lines));
    value_or_throw(journal.file_.write(options.header + "\n"));
    return journal;
  });
}

Result<void> JobJournal::append(std::string_view lines) {
  auto const size_bytes = file_.size_bytes();
  auto done = file_.write(lines);
  // The next line must not continue a torn one. If this fails, too, that line
  // is damaged, and what it says is done again.
  if (!done) (void)file_.truncate(size_bytes);
  return done;
}

}  // namespace gasm
