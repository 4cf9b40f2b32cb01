// SPDX-License-Identifier: Apache-2.0
#include "write_failure.hpp"

#include <cerrno>

namespace gasm {

std::string advice_on(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ". Try to free space or another folder";
    case EACCES:
    case EPERM:
    case EROFS:
      return ". Try a folder that you may write to";
    default:
      return "";
  }
}

tl::unexpected<Error> write_failure(std::filesystem::path const& path,
                                    char const* what) {
  int const why = errno;
  return failure("cannot {} {} ({}){}", what, path.string(), errno_text(why),
                 advice_on(why));
}

}  // namespace gasm
