// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/status_board.hpp"

namespace gasm {

/// What a rank says when its deadline passes: phase, host, last collective.
std::string describe_expiry(StatusRow const& mine, LastCollective const& last,
                            double waited_s, double limit_s);

/// Every rank's row, the one longest without progress first, and who is
/// behind in collectives; `rank` is the one that speaks.
std::string describe_board(int rank, int num_ranks, std::vector<StatusRow> rows,
                           double now_unix_s);

}  // namespace gasm
