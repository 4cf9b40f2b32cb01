// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "gasm/data/annotations.hpp"
#include "targets.hpp"

namespace gasm::fuzz {
namespace {

void check_split(AnnotatedSplit const& split) {
  auto const num_classes = static_cast<std::int64_t>(split.classes.size());
  promise(num_classes > 0, "a split has classes");
  promise(!split.records.empty(), "a split has records");
  std::set<std::string> ids;
  for (auto const& record : split.records) {
    promise(record.label >= -1 && record.label < num_classes,
            "a label is one of a class");
    promise(!record.id.empty() && record.id.find('/') == std::string::npos &&
                record.id.front() != '.',
            "an id is the name of a file in the folder");
    promise(ids.insert(record.id).second, "an id appears once");
    promise(record.template_text.empty() ||
                split.classes[static_cast<std::size_t>(record.label)] ==
                    without_brackets(record.template_text),
            "the class is that of the template");
  }
}

}  // namespace

void read_annotations(std::span<std::byte const> input) {
  auto rest = input;
  for (auto const* name : {"labels.json", "train.json", "train-answers.csv"}) {
    auto const end = std::ranges::find(rest, std::byte{0x1e});
    auto const size = static_cast<std::size_t>(end - rest.begin());
    // Without answers is another way through the reader than with empty ones.
    if (rest.empty() && std::string(name) == "train-answers.csv")
      std::filesystem::remove(scratch_folder() / name);
    else
      put(name, rest.first(size));
    rest = rest.subspan(std::min(size + 1, rest.size()));
  }
  auto const& folder = scratch_folder();
  if (auto const labels = load_labels(folder))
    promise(!labels->empty(), "there is a class");
  if (auto const splits = list_splits(folder))
    promise(*splits == std::vector<std::string>{"train"},
            "one split is listed");
  (void)list_annotation_files(folder);
  if (auto const split = load_split(folder, "train")) check_split(*split);
}

}  // namespace gasm::fuzz
