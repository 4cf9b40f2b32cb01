// SPDX-License-Identifier: Apache-2.0
#include "sample_log.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <filesystem>

#include "gasm/base/file.hpp"

namespace gasm {

void log_samples(int rank, MicroBatch const& batch) {
  static char const* const folder = std::getenv("GASM_TEST_SAMPLES");
  if (!folder) return;
  auto const path =
      std::filesystem::path(folder) / fmt::format("rank-{}.txt", rank);
  auto file = value_or_throw(FileWriter::open(path, FileWriter::Mode::append));
  value_or_throw(
      file.write(fmt::format("{} {} {} {}\n", batch.epoch, batch.step,
                             batch.index, fmt::join(batch.samples, " "))));
}

}  // namespace gasm
