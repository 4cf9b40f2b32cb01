// SPDX-License-Identifier: Apache-2.0
#include "terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "gasm/base/file.hpp"

namespace gasm {
namespace {

bool is_dumb() {
  auto const* kind = std::getenv("TERM");
  return kind != nullptr && std::string_view(kind) == "dumb";
}

/// The terminal that Open MPI's launcher passes a rank's standard error on to,
/// which for the rank is a pipe; "" if there is none.
std::string terminal_of_launcher() {
  auto const parent = "/proc/" + std::to_string(::getppid());
  auto const name = read_text(parent + "/comm").value_or("");
  constexpr std::array<std::string_view, 4> launchers = {
      "mpirun\n", "orterun\n", "mpiexec\n", "mpirun.openmpi\n"};
  bool is_launcher = false;
  for (auto const launcher : launchers) is_launcher |= name == launcher;
  if (!is_launcher) return "";
  std::error_code unknown;
  auto const target =
      std::filesystem::read_symlink(parent + "/fd/2", unknown).string();
  bool const is_terminal =
      target.starts_with("/dev/pts/") || target.starts_with("/dev/tty");
  return is_terminal ? target : "";
}

TerminalSize size_of(int fd) {
  winsize size{};
  if (fd < 0 || ::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 ||
      size.ws_row == 0)
    return {};
  return {size.ws_col, size.ws_row};
}

}  // namespace

bool is_seen_on_terminal() {
  if (is_dumb()) return false;
  return ::isatty(STDERR_FILENO) != 0 || !terminal_of_launcher().empty();
}

TerminalSize size_of_standard_error() {
  if (::isatty(STDERR_FILENO) != 0) return size_of(STDERR_FILENO);
  auto const path = terminal_of_launcher();
  if (path.empty()) return {};
  int const fd = ::open(path.c_str(), O_RDONLY | O_NOCTTY | O_CLOEXEC);
  auto const size = size_of(fd);
  if (fd >= 0) ::close(fd);
  return size;
}

TerminalSize size_of_standard_output() { return size_of(STDOUT_FILENO); }

bool is_output_terminal() { return !is_dumb() && ::isatty(STDOUT_FILENO) != 0; }

bool are_colours_wanted() {
  auto const* refused = std::getenv("NO_COLOR");
  return is_output_terminal() && (refused == nullptr || *refused == '\0');
}

}  // namespace gasm
