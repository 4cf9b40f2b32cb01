// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "gasm/models/weight_names.hpp"

namespace torch::nn {
class Module;
}

namespace gasm {

struct CastConfig;
struct TimesformerConfig;
class Cast;
class TimesformerModel;

/// The file's tensors under our names. Error if one of them holds NaN or an
/// infinite value.
BackboneWeights read_renamed(BackboneKind kind, std::string const& path);

/// load_named_tensors, with a line of the log for each converted tensor, or
/// load_what_fits, with one for what did not.
void load_backbone(torch::nn::Module& backbone, TensorMap const& tensors,
                   WeightLoad load, std::string const& path);

/// load_pretrained of model.timesformer and model.cast. A classifier that the
/// file lacks, or of another number of classes, is an Error unless
/// model.timesformer.head, or model.cast.head, is fresh. Embeddings of another
/// size are resized, but for those of a whole CAST.
void load_timesformer(TimesformerConfig const& config, TimesformerModel& model);
void load_cast(CastConfig const& config, Cast& model);

}  // namespace gasm
