// SPDX-License-Identifier: Apache-2.0
#include "hang_actions.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace gasm {
namespace {

constinit std::mutex the_mutex;

std::map<int, std::function<void()>>& the_actions() {
  static auto* const actions = new std::map<int, std::function<void()>>;
  return *actions;
}

/// Outlives whoever waits for it.
struct Countdown {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t num_left = 0;
};

}  // namespace

HangAction::HangAction(std::function<void()> action) {
  std::lock_guard lock(the_mutex);
  auto& actions = the_actions();
  number_ = actions.empty() ? 0 : actions.rbegin()->first + 1;
  actions.emplace(number_, std::move(action));
}

HangAction::~HangAction() {
  std::lock_guard lock(the_mutex);
  the_actions().erase(number_);
}

void run_hang_actions(double patience_s) {
  std::map<int, std::function<void()>> actions;
  {
    std::lock_guard lock(the_mutex);
    actions.swap(the_actions());
  }
  auto const left = std::make_shared<Countdown>();
  left->num_left = actions.size();
  for (auto& [number, action] : actions)
    std::thread([left, action = std::move(action)] {
      action();
      std::lock_guard lock(left->mutex);
      --left->num_left;
      left->changed.notify_all();
    }).detach();
  std::unique_lock lock(left->mutex);
  left->changed.wait_for(lock, std::chrono::duration<double>(patience_s),
                         [&] { return left->num_left == 0; });
}

}  // namespace gasm
