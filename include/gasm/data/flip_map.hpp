// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "gasm/data/augment.hpp"

namespace gasm {

/// What each class becomes when its clips are mirrored left to right, found
/// from the class names (no ids: those differ between data sets).
///
/// - A class whose name with the words "left" and "right" exchanged is also a
///   class becomes that one ("Pulling something from left to right" <->
///   "... from right to left").
/// - Else, if its name tells a horizontal direction by one of the phrases
///   "from left to right", "left then right", "camera left" or their mirrored
///   forms, it has no partner: -1, and its clips must not be mirrored.
/// - Every other class is its own mirror image; "pulling it right out" is no
///   direction.
///
/// Applying the map twice gives every class back that is not -1 (asserted).
FlipMap make_flip_map(std::span<std::string const> classes);

}  // namespace gasm
