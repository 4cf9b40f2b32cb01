// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/projector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "gasm/base/error.hpp"
#include "gasm/base/file.hpp"

namespace gasm {
namespace {

std::string vectors_text(Projection const& projection) {
  std::string text;
  for (std::size_t i = 0; i < projection.values.size(); ++i)
    fmt::format_to(std::back_inserter(text), "{:.6g}{}", projection.values[i],
                   (i + 1) % projection.num_columns == 0 ? '\n' : '\t');
  return text;
}

std::string metadata_row(std::vector<std::string> const& words) {
  std::string row;
  for (auto const& word : words) {
    if (!row.empty()) row += '\t';
    std::ranges::replace_copy_if(
        word, std::back_inserter(row),
        [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
  }
  return row + '\n';
}

std::string metadata_text(Projection const& projection) {
  auto text = metadata_row(projection.header);
  for (auto const& row : projection.facts) text += metadata_row(row);
  return text;
}

}  // namespace

Result<void> publish_projection(std::filesystem::path const& folder,
                                Projection const& projection) {
  GASM_ASSERT(projection.num_columns > 0 && projection.header.size() > 1);
  GASM_ASSERT(projection.values.size() ==
              projection.facts.size() * projection.num_columns);
  auto const place = folder / "projector";
  if (auto made = make_folder(place); !made) return made;
  if (auto done = publish_file(place / "vectors.tsv", vectors_text(projection));
      !done)
    return done;
  if (auto done =
          publish_file(place / "metadata.tsv", metadata_text(projection));
      !done)
    return done;
  return publish_file(
      folder / "projector_config.pbtxt",
      fmt::format("embeddings {{\n  tensor_name: \"{}\"\n  tensor_shape: {}\n"
                  "  tensor_shape: {}\n"
                  "  tensor_path: \"projector/vectors.tsv\"\n"
                  "  metadata_path: \"projector/metadata.tsv\"\n}}\n",
                  projection.name, projection.facts.size(),
                  projection.num_columns));
}

}  // namespace gasm
