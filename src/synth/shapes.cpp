// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/shapes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace gasm {
namespace {

constexpr double kPi = std::numbers::pi;

constexpr std::array kSetA{Shape::circle,   Shape::square, Shape::triangle,
                           Shape::pentagon, Shape::star5,  Shape::cross,
                           Shape::heart,    Shape::gear};
constexpr std::array kSetB{Shape::hexagon, Shape::diamond, Shape::star6,
                           Shape::arrow,   Shape::ring,    Shape::l_shape,
                           Shape::t_shape, Shape::crescent};

/// Angle from the nearest of n evenly spaced rays, the first one upwards.
double angle_from_ray(int n, double x, double y) {
  double const sector = 2 * kPi / n;
  double const angle = std::atan2(x, -y);
  return std::abs(std::remainder(angle, sector));
}

// A corner on each ray.
bool in_polygon(int n, double x, double y) {
  double const half = kPi / n;
  double const from_side = half - angle_from_ray(n, x, y);
  return std::hypot(x, y) * std::cos(from_side) < std::cos(half);
}

// Tips at radius 1 on each ray, notches at radius `inner` between them: the
// side from (1, angle 0) to (inner, angle half) as a line in polar form.
bool in_star(int n, double inner, double x, double y) {
  double const half = kPi / n;
  double const angle = angle_from_ray(n, x, y);
  double const reach = inner * std::sin(half);
  return std::hypot(x, y) * (inner * std::sin(half - angle) + std::sin(angle)) <
         reach;
}

bool in_box(double x, double y, double left, double right, double top,
            double bottom) {
  return x > left && x < right && y > top && y < bottom;
}

bool in_heart(double x, double y) {
  double const u = 1.36 * x;
  double const v = 0.1 - 1.36 * y;
  double const disc = u * u + v * v - 1;
  return disc * disc * disc - u * u * v * v * v < 0;
}

bool in_gear(double x, double y) {
  double const tooth = std::cos(8 * std::atan2(y, x)) > 0 ? 1.0 : 0.8;
  return std::hypot(x, y) < tooth;
}

bool in_arrow(double x, double y) {
  bool const head = y > -0.95 && y < 0.05 && std::abs(x) < 0.8 * (y + 0.95);
  return head || in_box(x, y, -0.32, 0.32, 0.0, 0.92);
}

}  // namespace

std::span<Shape const> shapes_of(ObjectSet set) {
  return set == ObjectSet::a ? std::span<Shape const>(kSetA)
                             : std::span<Shape const>(kSetB);
}

bool is_inside(Shape shape, double x, double y) {
  double const rho = std::hypot(x, y);
  switch (shape) {
    case Shape::circle:
      return rho < 1;
    case Shape::square:
      return in_box(x, y, -0.7, 0.7, -0.7, 0.7);
    case Shape::triangle:
      return in_polygon(3, x, y);
    case Shape::pentagon:
      return in_polygon(5, x, y);
    case Shape::star5:
      return in_star(5, 0.5, x, y);
    case Shape::cross:
      return in_box(x, y, -0.92, 0.92, -0.38, 0.38) ||
             in_box(x, y, -0.38, 0.38, -0.92, 0.92);
    case Shape::heart:
      return in_heart(x, y);
    case Shape::gear:
      return in_gear(x, y);
    case Shape::hexagon:
      return in_polygon(6, x, y);
    case Shape::diamond:
      return std::abs(x) / 0.72 + std::abs(y) < 1;
    case Shape::star6:
      return in_star(6, 0.6, x, y);
    case Shape::arrow:
      return in_arrow(x, y);
    case Shape::ring:
      return rho < 1 && rho > 0.42;
    case Shape::l_shape:
      return in_box(x, y, -0.6, -0.05, -0.78, 0.78) ||
             in_box(x, y, -0.6, 0.6, 0.25, 0.78);
    case Shape::t_shape:
      return in_box(x, y, -0.65, 0.65, -0.75, -0.2) ||
             in_box(x, y, -0.28, 0.28, -0.75, 0.92);
    case Shape::crescent:
      return rho < 1 && std::hypot(x - 0.5, y) > 0.72;
  }
  return false;
}

std::string to_string(Shape shape) {
  constexpr std::array<char const*, 16> kNames{
      "circle", "square", "triangle", "pentagon", "star5", "cross",
      "heart",  "gear",   "hexagon",  "diamond",  "star6", "arrow",
      "ring",   "L",      "T",        "crescent"};
  return kNames.at(static_cast<std::size_t>(shape));
}

}  // namespace gasm
