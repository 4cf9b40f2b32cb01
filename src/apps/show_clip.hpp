// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gasm {

class ClipStore;

/// A clip's record and what its video is like, for people. Decodes some of it.
std::string describe_clip(ClipStore const& store, std::int64_t clip);

struct SheetOptions {
  std::string output;
  int short_side_px = 0;  ///< of a frame; 0: as in the file
  int num_columns = 0;    ///< 0: about as wide as a screen
};

/// Publishes the frames of a clip, in this order, as one PNG, and says so.
/// Throws Error if they cannot be decoded or written.
void write_sheet(ClipStore const& store, std::int64_t clip,
                 std::vector<int> const& indices, SheetOptions const& options);

}  // namespace gasm
