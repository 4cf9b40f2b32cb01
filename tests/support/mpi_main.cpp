// SPDX-License-Identifier: Apache-2.0
#include "support/mpi_main.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "gasm/comm/run_guarded.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

struct TestRun {
  Communicator const* world = nullptr;
  std::optional<Watchdog> watchdog;
  std::vector<std::filesystem::path> shared_folders;
};

TestRun& run() {
  static TestRun the_run;
  return the_run;
}

double deadline_s() {
  char const* given = std::getenv("GASM_TEST_DEADLINE_S");
  return given ? std::atof(given) : 20.0;
}

/// Opens a phase for each test, so that a hang is reported by its name.
class PhasePerTest : public testing::EmptyTestEventListener {
  void OnTestStart(testing::TestInfo const& info) override {
    phase_.emplace(*run().watchdog,
                   fmt::format("{}.{}", info.test_suite_name(), info.name()),
                   deadline_s());
  }
  void OnTestEnd(testing::TestInfo const&) override { phase_.reset(); }

  std::optional<Phase> phase_;
};

/// Prints failures only, each with its rank.
class FailurePrinter : public testing::EmptyTestEventListener {
  void OnTestPartResult(testing::TestPartResult const& part) override {
    if (!part.failed()) return;
    fmt::print(stderr, "[rank {}] {}:{}: {}\n", test_world().rank(),
               part.file_name() ? part.file_name() : "?", part.line_number(),
               part.message());
  }
  void OnTestEnd(testing::TestInfo const& info) override {
    if (info.result()->Failed())
      fmt::print(stderr, "[rank {}] FAILED {}.{}\n", test_world().rank(),
                 info.test_suite_name(), info.name());
  }
};

ExitCode run_tests(Communicator const& world) {
  run().world = &world;
  WatchdogOptions options;
  options.rank = world.rank();
  options.num_ranks = world.size();
  auto const folder = shared_temp_folder();
  options.board_path = folder / "status";
  run().watchdog.emplace(options);

  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  if (!world.is_root()) {
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailurePrinter);
  }
  listeners.Append(new PhasePerTest);

  int const failed = RUN_ALL_TESTS() != 0 ? 1 : 0;
  int num_failed = 0;
  {
    Phase phase(*run().watchdog, "agree on the verdict", deadline_s());
    num_failed = world.all_reduce_sum(failed);
  }
  if (num_failed > 0 && world.is_root())
    fmt::print(stderr, "FAILED on {} of {} ranks\n", num_failed, world.size());
  run().watchdog.reset();
  // Before the ranks end: a failing one's end makes mpirun kill the others.
  for (auto const& made : run().shared_folders) {
    std::error_code ignored;
    std::filesystem::remove_all(made, ignored);
  }
  return num_failed == 0 ? ExitCode::done : ExitCode::agreed_failure;
}

}  // namespace

Communicator const& test_world() { return *run().world; }

Watchdog& test_watchdog() { return *run().watchdog; }

std::filesystem::path shared_temp_folder() {
  std::string path;
  if (test_world().is_root()) {
    path = make_temp_folder().string();
    run().shared_folders.push_back(path);
  }
  test_world().broadcast(path);
  return path;
}

}  // namespace gasm

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return gasm::run_guarded(argc, argv, gasm::run_tests);
}
