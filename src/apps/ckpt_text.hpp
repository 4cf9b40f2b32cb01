// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gasm/ckpt/checkpoint_verify.hpp"
#include "gasm/ckpt/checkpoint_view.hpp"

namespace gasm {

/// What gasm ckpt prints, as text and as one line of JSON (docs/formats.md).
/// Names out of files are escaped in both.

std::string ckpt_listing_text(CheckpointListing const& listing);
std::string ckpt_listing_json(CheckpointListing const& listing);

/// A checkpoint, or one file (then without a summary).
struct CheckpointView {
  std::filesystem::path path;
  std::optional<CheckpointSummary> summary;
  std::map<std::string, TensorFile> sets;  ///< layouts; of a file: ""
  std::uint64_t num_bytes = 0;             ///< of files
};

/// `with_tensors`: a line for each of them.
std::string ckpt_view_text(CheckpointView const& view, bool with_tensors);
std::string ckpt_view_json(CheckpointView const& view);

std::string ckpt_verdicts_text(std::vector<CheckpointVerdict> const& verdicts);
std::string ckpt_verdicts_json(std::vector<CheckpointVerdict> const& verdicts);

}  // namespace gasm
