// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry into the one target that this program is compiled for.
#include <cstdint>

#include "targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data,
                                      std::size_t size) {
  gasm::fuzz::GASM_FUZZ_TARGET(std::as_bytes(std::span(data, size)));
  return 0;
}
