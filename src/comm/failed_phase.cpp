// SPDX-License-Identifier: Apache-2.0
#include "failed_phase.hpp"

#include <mutex>

namespace gasm {
namespace {

constinit std::mutex the_mutex;

std::string& the_phases() {
  static std::string phases;
  return phases;
}

}  // namespace

void note_failed_phase(std::string const& phases) {
  std::lock_guard lock(the_mutex);
  the_phases() = phases;
}

std::string failed_phase() {
  std::lock_guard lock(the_mutex);
  return the_phases();
}

}  // namespace gasm
