// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <spawn.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string>

#include "gasm/base/error.hpp"
#include "gasm/data/layout.hpp"
#include "gasm/data/open_store.hpp"

namespace gasm {
namespace {

/// f_type of statfs(2); beside linux/magic.h, those of file systems that the
/// kernel does not bring.
struct Magic {
  std::uint32_t number;
  FileSystem file_system;
};
constexpr std::array kMagics = {
    Magic{0x0bd00bd0, FileSystem::lustre},
    Magic{0x00006969, FileSystem::nfs},
    Magic{0x47504653, FileSystem::gpfs},
    Magic{0x19830326, FileSystem::beegfs},
    Magic{0x0000ef53, FileSystem::ext4},
    Magic{0x58465342, FileSystem::xfs},
    Magic{0x9123683e, FileSystem::btrfs},
    Magic{0x01021994, FileSystem::tmpfs},
    Magic{0x794c7630, FileSystem::overlay},
};

/// Standard output of a program that ended well.
std::optional<std::string> output_of(std::array<char const*, 5> const& words) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
                                     O_WRONLY, 0);
  pid_t child = -1;
  int const failed =
      ::posix_spawnp(&child, words[0], &actions, nullptr,
                     const_cast<char* const*>(words.data()), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string text;
  if (failed == 0) {
    std::array<char, 256> piece{};
    ssize_t num = 0;
    while ((num = ::read(ends[0], piece.data(), piece.size())) > 0)
      text.append(piece.data(), static_cast<std::size_t>(num));
  }
  ::close(ends[0]);
  int status = 1;
  if (failed != 0 || ::waitpid(child, &status, 0) != child || status != 0)
    return std::nullopt;
  return text;
}

/// What `lfs getstripe OPTION PATH` prints: one number.
std::optional<std::int64_t> ask_lfs(char const* option,
                                    std::string const& path) {
  auto const text =
      output_of({"lfs", "getstripe", option, path.c_str(), nullptr});
  std::int64_t value = 0;
  if (!text ||
      std::from_chars(text->data(), text->data() + text->size(), value).ec !=
          std::errc{})
    return std::nullopt;
  return value;
}

}  // namespace

Result<FileSystem> file_system_of(std::filesystem::path const& path) {
  struct statfs info {};
  if (::statfs(path.c_str(), &info) != 0)
    return failure("cannot look at {} ({})", path.string(), errno_text(errno));
  for (auto const& magic : kMagics)
    if (static_cast<std::uint32_t>(info.f_type) == magic.number)
      return magic.file_system;
  return FileSystem::other;
}

std::optional<Stripes> lustre_stripes(std::filesystem::path const& path) {
  auto const count = ask_lfs("-c", path.string());
  auto const size = ask_lfs("-S", path.string());
  if (!count || !size || *count < 1 || *size < 1) return std::nullopt;
  return Stripes{*count, static_cast<std::uint64_t>(*size)};
}

Result<LayoutFacts> read_layout(std::filesystem::path const& path) {
  auto const store = open_store(path);
  if (!store) return tl::unexpected(store.error());
  auto const file_system = file_system_of(path);
  if (!file_system) return tl::unexpected(file_system.error());
  LayoutFacts facts;
  facts.num_bytes = total_record_bytes(**store);
  for (std::size_t part = 0; part < (*store)->num_parts(); ++part)
    facts.parts.push_back(part_range(**store, part));
  facts.file_system = *file_system;
  if (*file_system == FileSystem::lustre) facts.stripes = lustre_stripes(path);
  return facts;
}

}  // namespace gasm
