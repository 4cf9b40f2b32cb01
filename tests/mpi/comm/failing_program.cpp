// SPDX-License-Identifier: Apache-2.0
// Fails in the way that its first argument names; failures_test.cpp runs it.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "gasm/base/error.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/comm/stop_flag.hpp"
#include "gasm/comm/watchdog.hpp"

namespace {

using namespace gasm;

void sleep_s(double duration_s) {
  std::this_thread::sleep_for(std::chrono::duration<double>(duration_s));
}

/// Steps until a signal comes on any rank; then a checkpoint would be saved.
ExitCode stop_on_signal(Communicator const& world, double save_s) {
  StopFlag flag;
  // A rank without its flag would be killed by the signal.
  world.barrier();
  if (world.is_root()) {
    std::printf("ready %d\n", getpid());
    std::fflush(stdout);
  }
  for (int step = 0; step < 1500; ++step) {
    sleep_s(0.02);
    int const number = world.all_reduce_max(flag.signal_number());
    if (number == 0) continue;
    sleep_s(save_s);
    world.barrier();
    std::printf("rank %d saved after signal %d\n", world.rank(), number);
    std::fflush(stdout);
    return ExitCode::requeue;
  }
  return ExitCode::done;
}

ExitCode fail(std::string const& how, std::string const& argument,
              Communicator const& world) {
  WatchdogOptions options;
  options.rank = world.rank();
  options.num_ranks = world.size();
  if (argument.find('/') != std::string::npos) options.board_path = argument;
  Watchdog watchdog(options);
  bool const is_culprit = world.rank() == 1 || world.size() == 1;
  Phase phase(watchdog, "first phase", 30);
  world.barrier();

  if (how == "agreed")
    agree_ok(world, is_culprit ? Result<void>(failure("no such store"))
                               : Result<void>());
  if (how == "usage") throw usage_error("unknown key trian");
  if (how == "lone-usage" && is_culprit) throw usage_error("bad on one rank");
  if (how == "error" && is_culprit) throw error("cannot read");
  if (how == "exception" && is_culprit) throw std::runtime_error("broken");
  if (how == "unknown" && is_culprit) throw 42;
  if (how == "thread" && is_culprit)
    std::thread([] { throw std::runtime_error("lost in a thread"); }).join();
  if (how == "exit" && is_culprit) std::exit(0);
  if (how == "killed" && is_culprit) raise(SIGKILL);
  if (how == "crash" && is_culprit) raise(SIGSEGV);
  if (how == "codes") return ExitCode::requeue;
  if (how == "stop") return stop_on_signal(world, std::stod(argument));
  if (how == "stopped" || how == "other-call") {
    Phase inner(watchdog, "exchange", 2);
    for (int step = 0; step < 20; ++step) {
      world.all_reduce_sum(1.0);
      if (how == "stopped" && is_culprit && step == 19) {
        sleep_s(1.5);  // the board knows where it was a second ago
        raise(SIGSTOP);
      }
      // One rank leaves out a sum, and comes to the broadcast too early.
      if (how == "stopped" || !is_culprit || step < 19)
        world.all_reduce_sum(std::int64_t{2});
      std::int64_t value = 3;
      world.broadcast(value, 0);
    }
    world.barrier();
  }
  if (how == "hang") {
    Phase inner(watchdog, is_culprit ? "load weights" : "wait for weights",
                is_culprit ? 60 : 1.5);
    if (is_culprit) sleep_s(60);
    world.barrier();
  }
  world.barrier();
  return ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) {
  std::string const how = argc > 1 ? argv[1] : "";
  std::string const argument = argc > 2 ? argv[2] : "0";
  return run_guarded(argc, argv, [&](Communicator const& world) {
    return fail(how, argument, world);
  });
}
