// SPDX-License-Identifier: Apache-2.0
#include "verify_summary.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <vector>

namespace gasm {
namespace {

constexpr std::size_t kMostNamed = 8;

std::string listed(std::vector<std::string> const& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kMostNamed; ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kMostNamed)
    text += fmt::format(" and {} more", names.size() - kMostNamed);
  return text;
}

/// "vp9 1790, h264 10", the most frequent first.
std::string counted(std::map<std::string, std::int64_t> const& counts) {
  std::vector<std::pair<std::string, std::int64_t>> sorted(counts.begin(),
                                                           counts.end());
  std::ranges::stable_sort(sorted, std::greater(),
                           [](auto const& pair) { return pair.second; });
  std::vector<std::string> words;
  for (auto const& [name, count] : sorted)
    words.push_back(fmt::format("{} {}", name, count));
  return listed(words);
}

std::string annotation_lines(AnnotationProfile const& profile) {
  auto text = describe(profile) + "\n";
  for (auto const& split : profile.splits)
    text += fmt::format(
        "  {:<18} {:>7} records, {:>7} labelled, {} of {} "
        "classes\n",
        split.split, split.num_records, split.num_labelled,
        split.num_used_classes, profile.num_classes);
  return text;
}

std::string video_lines(VerifyReport const& report) {
  std::uint64_t num_bytes = 0;
  std::vector<std::int64_t> num_frames;
  std::int64_t sum_frames = 0;
  std::map<std::string, std::int64_t> codecs;
  std::map<std::string, std::int64_t> sizes;
  for (auto const& video : report.videos) {
    num_bytes += video.num_bytes;
    if (video.error) continue;
    num_frames.push_back(video.num_frames);
    sum_frames += video.num_frames;
    ++codecs[video.codec];
    ++sizes[fmt::format("{}x{}", video.width, video.height)];
  }
  auto const num_errors = report.num_errors();
  auto text = fmt::format("{} videos, {} frames, {:.1f} MB: {} good, {} bad\n",
                          report.videos.size(), sum_frames,
                          static_cast<double>(num_bytes) / 1e6,
                          std::ssize(report.videos) - num_errors, num_errors);
  if (report.num_taken_over > 0)
    text += fmt::format(
        "  {} of them were verified by an earlier run and have not changed\n",
        report.num_taken_over);
  if (num_frames.empty()) return text;
  std::ranges::sort(num_frames);
  text += fmt::format("  frames: {} to {}, median {}\n", num_frames.front(),
                      num_frames.back(), num_frames[num_frames.size() / 2]);
  return text + fmt::format("  codecs: {}\n  sizes: {}\n", counted(codecs),
                            counted(sizes));
}

std::string problem_lines(VerifyReport const& report) {
  std::string text;
  std::size_t num_bad = 0;
  for (auto const& video : report.videos)
    if (video.error && num_bad++ < kMostNamed)
      text += fmt::format("  bad: {} ({})\n", video.id, *video.error);
  if (num_bad > kMostNamed)
    text += fmt::format("  and {} more\n", num_bad - kMostNamed);
  auto const note = [&](std::string const& what,
                        std::vector<std::string> const& names) {
    if (!names.empty())
      text += fmt::format("{} {}: {}\n", names.size(), what, listed(names));
  };
  note("records without a file", report.missing);
  note("files that no record lists", report.unlisted);
  note(".webm files hold another container", report.not_webm);
  std::vector<std::string> groups;
  for (auto const& ids : report.duplicates)
    groups.push_back(fmt::format("{}", fmt::join(ids, " = ")));
  note("groups of videos with equal bytes", groups);
  return text;
}

}  // namespace

std::string verify_summary(VerifyReport const& report) {
  return (report.profile ? annotation_lines(*report.profile) : "") +
         video_lines(report) + problem_lines(report);
}

}  // namespace gasm
