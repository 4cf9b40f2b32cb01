// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <set>

#include "commands.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/data/annotations.hpp"
#include "gasm/data/verify.hpp"
#include "output_file.hpp"
#include "shared_work.hpp"

namespace gasm {
namespace {

constexpr std::size_t kMaxNamed = 10;

struct VerifyWords {
  std::string videos;
  std::string labels;
  std::string manifest;
  double watchdog_s = default_watchdog_s;
};

/// The ids of all splits in the folder, each once.
std::vector<std::string> listed_ids(std::filesystem::path const& labels) {
  std::set<std::string> ids;
  for (auto const& split : value_or_throw(list_splits(labels)))
    for (auto const& record : value_or_throw(load_split(labels, split)).records)
      ids.insert(record.id);
  return {ids.begin(), ids.end()};
}

std::string listed(std::vector<std::string> const& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kMaxNamed; ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kMaxNamed)
    text += fmt::format(" and {} more", names.size() - kMaxNamed);
  return text;
}

std::string summary(VerifyReport const& report) {
  auto const num_errors = report.num_errors();
  std::uint64_t num_bytes = 0;
  std::int64_t num_frames = 0;
  for (auto const& video : report.videos) {
    num_bytes += video.num_bytes;
    num_frames += video.num_frames;
  }
  auto text = fmt::format("{} videos, {} frames, {:.1f} MB: {} good, {} bad\n",
                          report.videos.size(), num_frames,
                          static_cast<double>(num_bytes) / 1e6,
                          std::ssize(report.videos) - num_errors, num_errors);
  std::size_t num_named = 0;
  for (auto const& video : report.videos) {
    if (!video.error || num_named++ >= kMaxNamed) continue;
    text += fmt::format("  bad: {} ({})\n", video.id, *video.error);
  }
  if (num_named > kMaxNamed)
    text += fmt::format("  and {} more\n", num_named - kMaxNamed);
  if (!report.unlisted.empty())
    text += fmt::format("{} files that no record lists: {}\n",
                        report.unlisted.size(), listed(report.unlisted));
  for (std::size_t i = 0; i < report.duplicates.size() && i < kMaxNamed; ++i)
    text += fmt::format("equal bytes: {}\n", listed(report.duplicates[i]));
  return text;
}

ExitCode verify(Communicator const& world, VerifyWords const& words) {
  SharedWork work(world, "verify", "videos", words.watchdog_s);
  agree_call(world, [&] {
    if (!world.is_root()) return;
    check_output("--manifest", words.manifest);
    refuse_same_file("--manifest", words.manifest,
                     value_or_throw(list_annotation_files(words.labels)));
  });
  auto const ids = agree_call(world, [&] { return listed_ids(words.labels); });
  VerifyOptions options;
  options.on_progress = [&](auto done, auto total) {
    work.update(done, total);
  };
  auto const report = verify_videos(world, words.videos, ids, options);
  write_manifest(world, report, words.manifest);
  if (world.is_root()) print(summary(report) + "Manifest: " + words.manifest);
  return report.num_errors() == 0 ? ExitCode::done : ExitCode::agreed_failure;
}

}  // namespace

int run_data_verify(Arguments const& arguments) {
  VerifyWords words;
  CommandLine line(
      {.name = "data verify",
       .purpose =
           "Decodes every video that the annotations list, to its end, and\n"
           "writes what was found as JSON. Ranks share the videos.",
       .example = "mpirun -n 2 gasm data verify --videos data/synsth-s/videos "
                  "--labels data/synsth-s/labels --manifest verify.json",
       .notes = "Ends with 0 if every video is good, 4 if any is bad or "
                "missing."});
  line.require("videos", words.videos, "PATH",
               "Folder of <id>.webm, or the file that gasm data fetch-check "
               "--extract wrote.");
  line.require("labels", words.labels, "DIR",
               "Folder of labels.json, train.json, ....");
  line.require("manifest", words.manifest, "OUT.json", "File to write.");
  add_watchdog_option(line, words.watchdog_s);
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return verify(world, words);
                     });
}

}  // namespace gasm
