// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"

namespace gasm {

/// Points of a feature space and what is known of each.
struct Projection {
  std::string name;                 ///< as the projector's menu has it
  std::size_t num_columns = 0;      ///< of values
  std::vector<float> values;        ///< [points, num_columns]
  std::vector<std::string> header;  ///< names of facts, at least two
  std::vector<std::vector<std::string>> facts;  ///< by point, as `header`
};

/// FOLDER/projector/{vectors,metadata}.tsv and FOLDER/projector_config.pbtxt,
/// which TensorBoard's projector reads. Each is replaced whole, the
/// configuration last. Tabs and line ends in facts become blanks.
Result<void> publish_projection(std::filesystem::path const& folder,
                                Projection const& projection);

}  // namespace gasm
