// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gasm {

struct RunConfig;
class Recogniser;

/// Loads the files that the configuration names as weights (model.semantic,
/// model.motion, model.timesformer, model.cast, by model.kind) into the
/// backbones that `model` has; others stay as they are. A file is one
/// of the published format (named_tensors.hpp), or a whole model of ours, of
/// which the backbone is taken. Throws Error naming file and tensor.
void load_pretrained(RunConfig const& config, Recogniser& model);

}  // namespace gasm
