// SPDX-License-Identifier: Apache-2.0
#include "extract_words.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gasm/base/error.hpp"
#include "gasm/base/hash.hpp"

namespace gasm {
namespace {

void check_range(char const* option, std::int64_t value, std::int64_t low,
                 std::int64_t high) {
  if (value < low || value > high)
    throw usage_error("{} is {} (must be {} to {})", option, value, low, high);
}

}  // namespace

void add_extract_options(CommandLine& line, ExtractWords& words) {
  add_config_options(line, words.config);
  line.require("clips", words.clips, "FILE.h5", "Clips, by gasm data pack.");
  line.require("output", words.output, "FILE.h5",
               "Features to write, or to --check.");
  line.add("views", words.views, "N",
           "N random views of each clip, as training draws them. Without it "
           "one view and nothing random (eval.clips * eval.crops views).");
  line.add("dtype", words.dtype, "TYPE", "fp16 or fp32 (fp16).");
  line.add("batch", words.batch, "N",
           "Clips that go through the backbones together (8).");
  line.flag("restart", words.restart,
            "Give up what an earlier job has done, and a finished file.");
  line.add("check", words.check, "N",
           "Make the features of N random clips again and compare.");
  line.add("tolerance", words.tolerance, "X",
           "--check: largest difference, as a share of the largest value of "
           "a clip (0.002).");
  add_watchdog_option(line, words.watchdog_s);
}

ExtractOptions extract_options(ExtractWords const& words) {
  check_range("--batch", words.batch, 1, 4096);
  if (words.views) check_range("--views", *words.views, 1, 4096);
  if (words.dtype != "fp16" && words.dtype != "fp32")
    throw usage_error("--dtype is '{}'. Try fp16 or fp32", words.dtype);
  ExtractOptions options;
  options.clips = words.clips;
  options.output = words.output;
  options.num_random_views = words.views;
  options.type = words.dtype == "fp16" ? FeatureType::fp16 : FeatureType::fp32;
  options.batch = words.batch;
  options.unfinished =
      words.restart ? UnfinishedUse::start_anew : UnfinishedUse::go_on;
  return options;
}

void check_tolerance(ExtractWords const& words) {
  check_range("--check", *words.check, 1, std::int64_t{1} << 40);
  if (!(words.tolerance >= 0.0 && words.tolerance < 1.0))
    throw usage_error("--tolerance is {} (must be 0 to 1)", words.tolerance);
}

namespace {

/// The line that every summary begins with.
std::string features_text(ExtractSummary const& summary,
                          std::string const& output) {
  return fmt::format(
      "{}: {} clips, {} of each, {:.1f} MB of features, data hash {}", output,
      summary.num_clips,
      summary.num_views == 1 ? "1 view"
                             : fmt::format("{} views", summary.num_views),
      static_cast<double>(summary.num_bytes) * 1e-6, to_hex(summary.data_hash));
}

std::string unfinished_text(std::string const& output) {
  return fmt::format("{}: stopped. The same command goes on", output);
}

}  // namespace

std::string extract_text(ExtractSummary const& summary,
                         std::string const& output) {
  if (!summary.is_complete) return unfinished_text(output);
  auto const what = features_text(summary, output);
  if (summary.was_there) return what + ", was there already";
  auto const num_new = summary.num_units - summary.num_units_before;
  auto const share =
      static_cast<double>(num_new) /
      static_cast<double>(std::max<std::int64_t>(1, summary.num_units));
  auto const seconds = std::max(summary.total_s, 1e-9);
  return fmt::format(
      "{}\n{} of {} batches were there, the others took {:.1f} s "
      "({:.1f} clips/s, {:.0f} % of it waiting for decoded clips)",
      what, summary.num_units_before, summary.num_units, summary.total_s,
      share * static_cast<double>(summary.num_clips) / seconds,
      100 * summary.wait_s / seconds);
}

std::string join_text(ExtractSummary const& summary,
                      std::string const& output) {
  if (!summary.is_complete) return unfinished_text(output);
  auto const what = features_text(summary, output);
  if (summary.was_there) return what + ", was there already";
  return fmt::format(
      "{}\n{} of {} batches were there, the others took {:.1f} s", what,
      summary.num_units_before, summary.num_units, summary.total_s);
}

std::string check_text(FeatureCheck const& check, std::string const& output) {
  return fmt::format(
      "{}: {} clips made again, {} of them equal bit for bit, the worst apart "
      "by {:.3g} of its largest value",
      output, check.num_clips, check.num_equal, check.worst);
}

}  // namespace gasm
