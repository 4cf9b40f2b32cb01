// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <csignal>
#include <string>
#include <vector>

#include "command_table.hpp"
#include "gasm/base/build_info.hpp"
#include "gasm/base/error.hpp"
#include "gasm/base/freed_memory.hpp"
#include "gasm/base/nearest.hpp"
#include "gasm/comm/run_guarded.hpp"

namespace gasm {
namespace {

std::string help_text() {
  std::string text =
      "Usage: gasm <command> [options]\n\n"
      "GASM-CAST: trains and measures models for fine-grained video action\n"
      "recognition. Start it under mpirun or srun for several ranks.\n\n"
      "Commands:\n";
  for (auto const& command : all_commands())
    text += fmt::format("  {:<17}{}\n", command.name, command.summary);
  text +=
      "\n  gasm <command> --help   options and an example\n"
      "  gasm --version          what this binary was built from\n\n"
      "Exit codes: 0 done, 2 usage or configuration, 3 aborted, 4 failed in\n"
      "order, 75 watchdog, 85 checkpointed, start again to go on.\n";
  return text;
}

std::string version_text() {
  auto const build = build_info();
  return fmt::format("gasm {} ({}, {}, {})", build.version, commit_text(build),
                     build.build_type, build.compiler);
}

[[noreturn]] void fail_unknown(std::vector<std::string> const& words) {
  std::vector<std::string> names;
  std::string in_group;
  for (auto const& command : all_commands()) {
    names.emplace_back(command.name);
    if (names.back().starts_with(words[0] + " "))
      in_group += (in_group.empty() ? "gasm " : " or gasm ") + names.back();
  }
  if (words.size() == 1 && !in_group.empty())
    throw usage_error("gasm {} is not complete. Try {}", words[0], in_group);
  std::string const two = words.size() > 1 && !words[1].starts_with("-")
                              ? words[0] + " " + words[1]
                              : words[0];
  std::string best = nearest(words[0], names);
  if (best.empty()) best = nearest(two, names);
  if (best.empty() && !in_group.empty())
    throw usage_error("gasm has no command '{}'. Try {}", two, in_group);
  throw usage_error(
      "gasm has no command '{}'. Try gasm {}",
      in_group.empty() && nearest(two, names).empty() ? words[0] : two,
      best.empty() ? "--help" : best);
}

int dispatch(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words[0] == "--help" || words[0] == "-h" ||
      words[0] == "help") {
    if (is_speaker()) print(help_text());
    return static_cast<int>(words.empty() ? ExitCode::usage : ExitCode::done);
  }
  if (words[0] == "--version") {
    if (is_speaker()) print(version_text());
    return static_cast<int>(ExitCode::done);
  }
  Command const* command = find_command(words);
  if (command == nullptr)
    return run_guarded_serial([&]() -> ExitCode { fail_unknown(words); });
  bool const has_two = words[0] != command->name;
  words.erase(words.begin(), words.begin() + (has_two ? 2 : 1));
  return command->run({argc, argv, std::move(words)});
}

}  // namespace
}  // namespace gasm

int main(int argc, char** argv) {
  gasm::keep_freed_memory();
  // A file that may not grow (ulimit -f) is an error with a message, no death.
  (void)std::signal(SIGXFSZ, SIG_IGN);
  return gasm::dispatch(argc, argv);
}
