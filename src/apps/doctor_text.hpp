// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gasm {

/// Build, libraries and machine, a row each. Needs no MPI.
std::string system_text();

/// What MPI gave to so many ranks (`layout`: rank_layout()), and what is known
/// to be bad about versions. For when MPI has started.
std::string ranks_text(int num_ranks, std::string const& layout);

}  // namespace gasm
