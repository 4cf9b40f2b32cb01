// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "commands.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/data/subset.hpp"

namespace gasm {
namespace {

struct SubsetWords {
  std::string labels;
  std::vector<std::string> sources;
  std::string output;
  std::string classes = "all";
  bool allow_unknown = false;
};

/// "train=lists/base.json"
SubsetSource parse_source(std::string const& word) {
  auto const at = word.find('=');
  if (at == std::string::npos || at == 0 || at + 1 == word.size())
    throw usage_error("--add {} (want SPLIT=FILE.json)", word);
  auto const split = word.substr(0, at);
  if (split == "labels" || split.front() == '.' ||
      split.find('/') != std::string::npos)
    throw usage_error("--add {} ('{}' cannot be the name of a split)", word,
                      split);
  return {.split = split, .file = word.substr(at + 1)};
}

std::vector<SubsetSource> parse_sources(std::vector<std::string> const& words) {
  std::vector<SubsetSource> sources;
  for (auto const& word : words) {
    sources.push_back(parse_source(word));
    for (std::size_t i = 0; i + 1 < sources.size(); ++i)
      if (sources[i].split == sources.back().split)
        throw usage_error("--add gives split {} twice", sources[i].split);
  }
  if (sources.empty())
    throw usage_error(
        "gasm data subset needs --add (it is not given). Try "
        "gasm data subset --help");
  return sources;
}

std::string summary(AnnotationSubset const& subset) {
  std::string text;
  for (auto const& split : subset.splits) {
    text += fmt::format("{}: {} records joined", split.joined.split,
                        split.joined.records.size());
    if (subset.has_official_ids)
      text += fmt::format(", {} of their ids are the data set's",
                          split.num_known_ids);
    text += "\n";
    for (auto const& [name, num_records] : split.unknown)
      text += fmt::format("  left out, no such class: '{}' ({} records)\n",
                          name, num_records);
  }
  if (subset.num_shared_ids > 0)
    text += fmt::format("{} ids stand in more than one split\n",
                        subset.num_shared_ids);
  return text + fmt::format("{} classes", subset.classes.size());
}

ExitCode select(SubsetWords const& words) {
  auto const sources = parse_sources(words.sources);
  if (words.classes != "all" && words.classes != "used")
    throw usage_error("--classes {} (must be all or used)", words.classes);
  SubsetOptions options;
  options.classes =
      words.classes == "all" ? SubsetClasses::all : SubsetClasses::used;
  options.unknown =
      words.allow_unknown ? UnknownTemplates::skip : UnknownTemplates::refuse;
  auto const subset =
      value_or_throw(make_subset(words.labels, sources, options));
  value_or_throw(write_subset(subset, words.output));
  print(fmt::format("{} in {}", summary(subset), words.output));
  return ExitCode::done;
}

}  // namespace

int run_data_subset(Arguments const& arguments) {
  SubsetWords words;
  CommandLine line(
      {.name = "data subset",
       .purpose =
           "Turns foreign lists of records, such as the splits of\n"
           "Something-Else, into annotation files that gasm data pack reads.\n"
           "Records are joined with the data set's classes by the text of "
           "their\ntemplates; foreign label ids are never read.",
       .example = "gasm data subset --labels data/ssv2/labels --add "
                  "train=something-else/train.json --add "
                  "validation=something-else/validation.json --output "
                  "data/ssv2/compositional"});
  line.require("labels", words.labels, "DIR",
               "Folder of the data set's own labels.json, and its splits.");
  line.add_each("add", words.sources, "SPLIT=FILE",
                "A list, and the split that it becomes; may come many times.");
  line.require("output", words.output, "DIR", "New folder to write.");
  line.add("classes", words.classes, "all|used",
           "used: only classes that have a record, numbered anew in "
           "alphabetical order (all).");
  line.flag("allow-unknown", words.allow_unknown,
            "Leave records of unknown templates out instead of writing "
            "nothing.");
  if (printed_help(line, arguments)) return 0;
  return run_guarded_serial([&] {
    line.parse(arguments.words);
    return select(words);
  });
}

}  // namespace gasm
