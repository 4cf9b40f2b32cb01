// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/flight_file.hpp"
#include "gasm/comm/status_board.hpp"

namespace gasm {

/// What a rank says when its deadline passes: phase, host, last collective.
std::string describe_expiry(StatusRow const& mine, LastCollective const& last,
                            double waited_s, double limit_s);

/// What the rank that reports a hang has found out.
struct HangFacts {
  int rank = 0;  ///< the one that reports
  int num_ranks = 1;
  double now_unix_s = 0.0;
  std::vector<StatusRow> rows = {};  ///< by rank; rank -1: it said nothing
  bool has_all_rows = true;          ///< false: ranks of other hosts have none
  std::set<int> unanswering = {};    ///< did not write when they were asked to
  /// What the kernel says of processes of this host: "stopped by a signal".
  std::map<int, std::string> processes = {};
  std::vector<std::vector<FlightCall>> calls = {};  ///< by rank, where known
};

/// Who does not go on, and why it is thought to be so.
struct HangVerdict {
  std::set<int> culprits;  ///< empty: nobody stands out
  std::string why;
};

/// In this order: who never said anything, who does not answer, who called
/// something else, who has the fewest collectives, who is in none.
HangVerdict judge_hang(HangFacts const& facts);

/// The culprit with its host, phase, last collective, bucket and parameter,
/// and what the others wait for.
std::string describe_hang(HangFacts const& facts);

/// Every rank's row, the one longest without progress first, and who is
/// behind in collectives; `rank` is the one that speaks.
std::string describe_board(int rank, int num_ranks, std::vector<StatusRow> rows,
                           double now_unix_s);

}  // namespace gasm
