// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gasm/config/backbone_config.hpp"
#include "gasm/models/named_tensors.hpp"
#include "gasm/models/vit.hpp"

namespace gasm {

/// The tensors of a backbone under the names that our module has.
struct BackboneWeights {
  TensorMap tensors;
  WeightOrigin origin = WeightOrigin::gasm;
  std::string naming;                 ///< "transformers DINOv2", for people
  std::vector<std::string> left_out;  ///< names in the file of other parts
};

/// The metadatum of a safetensors file that names its first origin: what
/// gasm weights convert keeps of the file that it read.
inline constexpr char const* kOriginKey = "gasm.origin";

/// Recognises the naming of a file of weights of `kind` by its names, and
/// renames, splits and reshapes its tensors by the table of that naming
/// (weight_tables.hpp). A tensor that the table does not know keeps its name,
/// so that loading reports it. Of a whole model of ours, the backbone of that
/// stream. `metadata` are those of the file. Throws Error, naming `source`, for
/// a naming that no table has, and for a mask of biases that holds NaN.
BackboneWeights rename_weights(
    BackboneKind kind, TensorMap const& tensors, std::string const& source,
    std::map<std::string, std::string> const& metadata = {});

/// The same of a whole CAST: its authors' names, or ours.
BackboneWeights rename_cast_weights(TensorMap const& tensors,
                                    std::string const& source);

/// Options as the weights' origin and shapes have them: periods and resampling
/// that are automatic in `config`, the stored grid of learned positions, and
/// whether there is a last norm.
VitOptions options_for(BackboneConfig const& config,
                       BackboneWeights const& weights,
                       std::string const& source);

}  // namespace gasm
