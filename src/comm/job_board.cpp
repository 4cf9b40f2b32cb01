// SPDX-License-Identifier: Apache-2.0
#include "job_board.hpp"

#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

namespace gasm {
namespace {

std::optional<int> number_in(char const* variable) {
  char const* const value = std::getenv(variable);
  if (value == nullptr) return std::nullopt;
  std::string_view const text = value;
  int number = 0;
  auto const parsed =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return number;
}

std::optional<int> either(char const* one, char const* other) {
  auto const number = number_in(one);
  return number ? number : number_in(other);
}

}  // namespace

std::optional<LaunchedRank> launched_rank() {
  auto const rank = either("OMPI_COMM_WORLD_RANK", "PMIX_RANK");
  auto const size = either("OMPI_COMM_WORLD_SIZE", "SLURM_NTASKS");
  if (!rank || !size || *rank < 0 || *rank >= *size) return std::nullopt;
  return LaunchedRank{
      .rank = *rank,
      .num_ranks = *size,
      .is_one_host = number_in("OMPI_COMM_WORLD_LOCAL_SIZE") == size};
}

std::filesystem::path job_folder() {
  char const* const folder = std::getenv("PMIX_SERVER_TMPDIR");
  char const* const job = std::getenv("PMIX_NAMESPACE");
  if (folder == nullptr || job == nullptr) return {};
  auto const path =
      std::filesystem::path(folder) / (std::string("gasm-") + job);
  std::error_code failed;
  std::filesystem::create_directory(path, failed);
  return std::filesystem::is_directory(path, failed) ? path
                                                     : std::filesystem::path();
}

}  // namespace gasm
