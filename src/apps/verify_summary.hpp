// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "gasm/data/verify.hpp"

namespace gasm {

/// A verification on one screen: what the annotations are, what the videos
/// are, and the first of everything that is wrong.
std::string verify_summary(VerifyReport const& report);

}  // namespace gasm
