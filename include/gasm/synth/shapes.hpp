// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "gasm/synth/level.hpp"

namespace gasm {

/// Set A, then set B.
enum class Shape {
  circle,
  square,
  triangle,
  pentagon,
  star5,
  cross,
  heart,
  gear,
  hexagon,
  diamond,
  star6,
  arrow,
  ring,
  l_shape,
  t_shape,
  crescent,
};

/// The eight shapes of a set.
std::span<Shape const> shapes_of(ObjectSet set);

/// True where (x, y), in units of the radius and y down, is inside. Every
/// shape lies within the unit circle, so rotation never enlarges it.
bool is_inside(Shape shape, double x, double y);

/// As it stands in placeholders: "circle", ..., "L", "T", "crescent".
std::string to_string(Shape shape);

}  // namespace gasm
