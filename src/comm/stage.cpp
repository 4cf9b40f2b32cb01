// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/stage.hpp"

#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <set>
#include <string>

namespace gasm {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

constinit std::atomic<char const*> the_stage{nullptr};
constinit std::atomic<char const*> the_parameter{nullptr};
constinit std::atomic<char const*> the_phases{""};

std::string escaped(std::string_view text) {
  std::string safe;
  for (char const c : text) {
    if (c == '"' || c == '\\') safe += '\\';
    if (static_cast<unsigned char>(c) < ' ')
      safe += fmt::format("\\u{:04x}", static_cast<int>(c));
    else
      safe += c;
  }
  return safe;
}

}  // namespace

Stage::Stage(char const* name) : outer_(the_stage.exchange(name, kRelaxed)) {}
Stage::~Stage() { the_stage.store(outer_, kRelaxed); }

char const* current_stage() { return the_stage.load(kRelaxed); }

char const* kept_text(std::string_view text) {
  static std::mutex mutex;
  static std::set<std::string>* const texts = new std::set<std::string>;
  std::lock_guard lock(mutex);
  return texts->insert(escaped(text)).first->c_str();
}

void note_parameter(char const* name) { the_parameter.store(name, kRelaxed); }
char const* last_parameter() { return the_parameter.load(kRelaxed); }

void note_phase_mark(char const* phases) { the_phases.store(phases, kRelaxed); }
char const* phase_mark() { return the_phases.load(kRelaxed); }

}  // namespace gasm
