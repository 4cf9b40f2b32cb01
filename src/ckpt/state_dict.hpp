// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "pickle_value.hpp"

namespace gasm {

/// The tensors of a pickle by their dotted paths, and what stands beside them.
struct StateDict {
  std::map<std::string, PickleValue const*> tensors;
  std::map<std::string, std::string> metadata;
};

/// Finds the tensors below `root`: those of nested dicts, lists and objects
/// get dotted names. Checkpoints that wrap the state dict are unwrapped first,
/// as often as need be, by the keys model_state, model, state_dict, module,
/// model_state_dict, teacher, student (the first that is there). What is text
/// or a number on the way becomes metadata "pickle.KEY"; the way itself, if
/// any, metadata "unwrapped". Throws where a tensor has no name, a name twice,
/// or the nesting has no end.
StateDict find_state_dict(PickleValue const& root);

}  // namespace gasm
