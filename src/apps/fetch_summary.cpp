// SPDX-License-Identifier: Apache-2.0
#include "fetch_summary.hpp"

#include <fmt/format.h>

namespace gasm {
namespace {

double megabytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / 1e6;
}

std::string listed(std::vector<std::string> const& problems,
                   std::vector<std::string> const& notes) {
  std::string text;
  for (auto const& note : notes) text += fmt::format("  note: {}\n", note);
  for (auto const& problem : problems)
    text += fmt::format("  problem: {}\n", problem);
  return text;
}

std::string spool_line(FetchReport const& report,
                       std::filesystem::path const& spool) {
  if (!report.is_whole)
    return fmt::format(
        "{}: not complete ({} videos copied now, {} were there). The same "
        "command goes on when the archive is whole.\n",
        spool.string(), report.num_copied, report.num_kept);
  return fmt::format("{}: complete, {} videos copied now, {} were there\n",
                     spool.string(), report.num_copied, report.num_kept);
}

}  // namespace

std::string labels_summary(LabelsReport const& report,
                           std::filesystem::path const& folder) {
  auto text = fmt::format("Annotations in {}: {} classes", folder.string(),
                          report.num_classes);
  for (auto const& [split, count] : report.num_records)
    text += fmt::format(", {} {}", split, count);
  text += '\n' + listed(report.problems, report.notes);
  return text + (report.problems.empty() ? "Annotations: good"
                                         : "Annotations: NOT GOOD");
}

std::string parts_summary(FetchReport const& report,
                          std::optional<std::filesystem::path> const& spool) {
  std::string text;
  for (auto const& part : report.parts.parts)
    text +=
        fmt::format("{}  {:.1f} MB\n", part.name(), megabytes(part.num_bytes));
  if (report.num_videos > 0)
    text += fmt::format("{} videos, {:.1f} MB, {} to {} bytes each\n",
                        report.num_videos, megabytes(report.video_bytes),
                        report.min_video_bytes, report.max_video_bytes);
  if (report.is_whole) text += "gzip stream: whole, its checksum is right\n";
  text += listed(report.problems, report.notes);
  if (spool) text += spool_line(report, *spool);
  return text + (report.problems.empty() ? "Videos: good" : "Videos: NOT GOOD");
}

}  // namespace gasm
