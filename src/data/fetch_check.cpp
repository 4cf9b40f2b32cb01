// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/fetch_check.hpp"

#include <algorithm>
#include <set>

#include "gasm/archive/gzip_parts.hpp"
#include "unpack_videos.hpp"
#include "video_folder.hpp"

namespace gasm {
namespace {

constexpr std::string_view kSsv2Stem = "20bn-something-something-v2";
constexpr std::int64_t kSsv2Videos = 220'847;
/// To tell which part is short; sizes decide nothing.
constexpr char const* kSsv2Sizes =
    "Something-Something V2 is published in two parts of about 10.0 and 9.44 "
    "GB";

bool is_ssv2(ArchiveParts const& parts, FetchProfile profile) {
  return profile == FetchProfile::ssv2 ||
         (profile == FetchProfile::detect && parts.stem.starts_with(kSsv2Stem));
}

/// The ids of SSv2 are 1 to 220,847 without a gap.
void compare_with_ssv2(FetchReport& report) {
  if (report.num_videos != kSsv2Videos) {
    report.problems.push_back(fmt::format(
        "{} videos, but Something-Something V2 has {}. Try --profile any if "
        "these are other data",
        report.num_videos, kSsv2Videos));
    return;
  }
  std::set<std::string> const ids(report.ids.begin(), report.ids.end());
  for (std::int64_t id = 1; id <= kSsv2Videos; ++id)
    if (!ids.contains(std::to_string(id))) {
      report.problems.push_back(fmt::format(
          "there is no video {} (Something-Something V2 has 1 to {})", id,
          kSsv2Videos));
      return;
    }
}

/// Members until the end or the first fault of the archive.
Result<void> read_members(GzipParts& stream, VideoUnpacker& unpacker,
                          FetchOptions const& options,
                          std::uint64_t total_bytes) {
  // The end of tar's own bookkeeping is found by the reader; the source must
  // be emptied to compare the checksum behind it.
  bool is_at_end = false;
  auto reader = TarReader::of([&](std::span<std::byte> out) {
    auto const num = stream.read(out);
    if (num && *num == 0) is_at_end = true;
    if (options.on_progress)
      options.on_progress(static_cast<std::int64_t>(stream.num_read_bytes()),
                          static_cast<std::int64_t>(total_bytes));
    return num;
  });
  for (;;) {
    auto const member = reader.next();
    if (!member) return tl::unexpected(member.error());
    if (!*member) break;
    if (auto done = unpacker.take(**member, reader); !done) return done;
  }
  std::vector<std::byte> rest(std::size_t{1} << 16);
  while (!is_at_end) {
    auto const num = stream.read(rest);
    if (!num) return tl::unexpected(num.error());
    is_at_end = *num == 0;
  }
  return {};
}

/// A fault of tar's structure says nothing of where; the stream knows.
std::string tell(Error const& fault, GzipParts& stream) {
  std::vector<std::byte> one(1);
  auto const state = stream.read(one);
  return state ? fmt::format("the archive makes no sense ({}) {}", fault.what(),
                             stream.blame())
               : std::string(state.error().what());
}

}  // namespace

FetchReport check_parts(std::filesystem::path const& place,
                        FetchOptions const& options) {
  FetchReport report;
  report.parts = value_or_throw(find_parts(place));
  for (auto const& name : report.parts.strangers)
    report.notes.push_back(
        name + " is not read (the names of parts end in -00, -01, ...)");
  report.problems = find_part_problems(report.parts);
  if (!report.problems.empty()) {
    if (is_ssv2(report.parts, options.profile))
      report.notes.emplace_back(kSsv2Sizes);
    return report;
  }

  GzipParts stream(report.parts);
  VideoUnpacker unpacker(options, report);
  if (options.spool) unpacker.open_spool(*options.spool);
  auto const done =
      read_members(stream, unpacker, options, report.parts.num_bytes());
  report.is_whole = done.has_value();
  if (report.is_whole)
    unpacker.finish();
  else
    report.problems.push_back(tell(done.error(), stream));
  unpacker.report_findings();
  if (report.is_whole && report.num_videos == 0)
    report.problems.emplace_back("the archive holds no video");
  bool const wants_ssv2 = is_ssv2(report.parts, options.profile);
  if (report.is_whole && wants_ssv2) compare_with_ssv2(report);
  if (!report.is_whole && wants_ssv2) report.notes.emplace_back(kSsv2Sizes);
  return report;
}

void compare_with_labels(LabelsReport const& labels, FetchReport& parts) {
  if (!parts.is_whole) return;
  std::set<std::string> const there(parts.ids.begin(), parts.ids.end());
  std::set<std::string> const listed(labels.ids.begin(), labels.ids.end());
  Findings lacks;
  Findings extra;
  for (auto const& id : labels.ids)
    if (!there.contains(id))
      lacks.add("videos that the annotations list, but not in the archive", id);
  for (auto const& id : parts.ids)
    if (!listed.contains(id)) extra.add("videos that no annotation lists", id);
  for (auto const& text : lacks.sentences()) parts.problems.push_back(text);
  for (auto const& text : extra.sentences()) parts.notes.push_back(text);
}

}  // namespace gasm
