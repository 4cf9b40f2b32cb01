// SPDX-License-Identifier: Apache-2.0
#include "detached_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace gasm::record_detail {
namespace {

/// A rank's own: another MPI program that had them would take itself for one.
bool is_of_launcher(std::string_view variable) {
  constexpr std::array<std::string_view, 4> prefixes = {"OMPI_", "PMIX_",
                                                        "PMI_", "ORTE_"};
  for (auto const prefix : prefixes)
    if (variable.starts_with(prefix)) return true;
  return false;
}

std::vector<std::string> environment(
    std::vector<std::pair<std::string, std::string>> const& variables) {
  std::vector<std::string> all;
  for (char** entry = ::environ; *entry != nullptr; ++entry)
    if (!is_of_launcher(*entry)) all.emplace_back(*entry);
  // The last one of a name would lose against one that was there before.
  for (auto const& [name, value] : variables) {
    auto const prefix = name + "=";
    std::erase_if(all,
                  [&](auto const& old) { return old.starts_with(prefix); });
    all.push_back(prefix + value);
  }
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (auto& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

/// posix_spawn's two lists, which want to be freed.
class SpawnPlan {
 public:
  explicit SpawnPlan(std::filesystem::path const& log) {
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawn_file_actions_addopen(&files_, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files_, 1, log.c_str(),
                                       O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::posix_spawn_file_actions_adddup2(&files_, 1, 2);
#if __GLIBC_PREREQ(2, 34)
    ::posix_spawn_file_actions_addclosefrom_np(&files_, 3);
#endif
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID |
                                                 POSIX_SPAWN_SETSIGMASK |
                                                 POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnPlan() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&files_);
  }
  SpawnPlan(SpawnPlan const&) = delete;
  SpawnPlan& operator=(SpawnPlan const&) = delete;

  posix_spawn_file_actions_t const* files() const { return &files_; }
  posix_spawnattr_t const* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

Result<DetachedProcess> DetachedProcess::start(
    std::vector<std::string> words,
    std::vector<std::pair<std::string, std::string>> const& variables,
    std::filesystem::path const& log) {
  SpawnPlan const plan(log);
  auto all_variables = environment(variables);
  pid_t pid = 0;
  int const why =
      ::posix_spawnp(&pid, words[0].c_str(), plan.files(), plan.attributes(),
                     pointers(words).data(), pointers(all_variables).data());
  if (why != 0) return failure("{}: {}", words[0], errno_text(why));
  return DetachedProcess(pid);
}

std::optional<DetachedProcess::End> DetachedProcess::poll() const {
  int status = 0;
  pid_t const found = ::waitpid(pid_, &status, WNOHANG);
  if (found == 0 || (found < 0 && errno == EINTR)) return std::nullopt;
  // Somebody else has waited for it: it has ended, and how is not known.
  if (found < 0) return End{};
  if (WIFSIGNALED(status))
    return End{128 + WTERMSIG(status), WTERMSIG(status) == SIGKILL};
  return End{WEXITSTATUS(status), false};
}

}  // namespace gasm::record_detail
