// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "gasm/base/result.hpp"

namespace gasm {

/// What helps where the disk says no, as the end of a message; or "".
std::string advice_on(int error_number);

/// That `what` ("write", "put in place") could not be done to `path`, for the
/// reason in errno.
tl::unexpected<Error> write_failure(std::filesystem::path const& path,
                                    char const* what);

}  // namespace gasm
