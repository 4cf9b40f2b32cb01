// SPDX-License-Identifier: Apache-2.0
// What it costs to record calls and to compare them, on one thread:
//   comm_bench_recorder [millions of calls]
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "gasm/base/clock.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/stage.hpp"

namespace {

using namespace gasm;

template <class Body>
void measure(char const* what, std::size_t num_calls, Body body) {
  double const begin_s = monotonic_s();
  for (std::size_t i = 0; i < num_calls; ++i) body(i);
  double const each_ns =
      1e9 * (monotonic_s() - begin_s) / static_cast<double>(num_calls);
  std::printf("%-24s %8.1f ns\n", what, each_ns);
}

}  // namespace

int main(int argc, char** argv) {
  auto const num_calls = static_cast<std::size_t>(
      1e6 * (argc > 1 ? std::strtod(argv[1], nullptr) : 1.0));
  measure("a collective", num_calls, [](std::size_t i) {
    CollectiveScope const scope("all_reduce", {.bytes = i, .type = "fp64"});
  });
  measure("a bucket", num_calls, [](std::size_t i) {
    PostedCall call;
    call.begin("exchange of gradients", {.bytes = i, .type = "fp32"}, 1);
    call.end();
  });
  measure("a stage", num_calls,
          [](std::size_t) { Stage const stage("forward"); });
  std::uint64_t sum = 0;
  measure("a step's checksum", num_calls,
          [&](std::size_t) { sum += take_call_digest(); });
  constexpr std::size_t num_bytes = std::size_t(100) << 20;
  std::vector<std::byte> const weights(num_bytes, std::byte{1});
  measure("100 MiB of weights", 5,
          [&](std::size_t) { sum += xxh64(std::span(weights)); });
  std::printf("(checksum %s)\n", to_hex(sum).c_str());
  return 0;
}
