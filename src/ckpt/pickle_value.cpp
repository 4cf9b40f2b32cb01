// SPDX-License-Identifier: Apache-2.0
#include "pickle_value.hpp"

namespace gasm {

char const* name_of(PickleKind kind) {
  switch (kind) {
    case PickleKind::none:
      return "None";
    case PickleKind::boolean:
      return "a bool";
    case PickleKind::integer:
      return "an int";
    case PickleKind::real:
      return "a float";
    case PickleKind::text:
      return "a text";
    case PickleKind::bytes:
      return "bytes";
    case PickleKind::tuple:
      return "a tuple";
    case PickleKind::list:
      return "a list";
    case PickleKind::dict:
      return "a dict";
    case PickleKind::set:
      return "a set";
    case PickleKind::global:
      return "a name";
    case PickleKind::object:
      return "an object";
    case PickleKind::storage:
      return "a storage";
    case PickleKind::tensor:
      return "a tensor";
    case PickleKind::opaque:
      break;
  }
  return "something opaque";
}

std::string printable(std::string_view text) {
  constexpr std::size_t max_bytes = 300;
  std::string fit;
  for (char const c : text.substr(0, max_bytes))
    fit += c > ' ' && c <= '~' ? c : c == ' ' ? ' ' : '?';
  return text.size() > max_bytes ? fit + "..." : fit;
}

}  // namespace gasm
