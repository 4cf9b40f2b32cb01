// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gasm {

/// The phase that an exception left last: by the time run_guarded catches,
/// the phases themselves are gone. Per process, thread-safe.
void note_failed_phase(std::string const& phases);
std::string failed_phase();

}  // namespace gasm
