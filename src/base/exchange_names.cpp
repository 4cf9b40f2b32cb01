// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/exchange_names.hpp"

#include <cerrno>

#include "gasm/base/file.hpp"
#include "gasm/base/file_calls.hpp"
#include "write_failure.hpp"

namespace gasm {
namespace {

/// What the system says where the file system, or an old kernel, has no such
/// call.
bool means_unsupported(int error_number) {
  return error_number == EINVAL || error_number == ENOSYS ||
         error_number == EOPNOTSUPP;
}

}  // namespace

Result<bool> exchange_names(std::filesystem::path const& first,
                            std::filesystem::path const& second) {
  auto const exchange = [&] {
    return file_calls().exchange(first.c_str(), second.c_str());
  };
  if (exchange() != 0) {
    if (means_unsupported(errno)) return false;
    return write_failure(second, "put in place");
  }
  auto synced = sync_folder(second.parent_path());
  if (synced) return true;
  (void)exchange();
  return tl::unexpected(std::move(synced.error()));
}

}  // namespace gasm
