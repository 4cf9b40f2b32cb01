// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

namespace gasm {

/// What this process may use of its machine.
struct MachineInfo {
  int num_cpus = 0;                ///< that it may run on
  std::uint64_t memory_bytes = 0;  ///< of the machine or its container
  std::filesystem::path temp_folder;
  std::uint64_t temp_free_bytes = 0;
  bool has_gpu_driver = false;  ///< /dev/nvidiactl is there
};

MachineInfo machine_info();

}  // namespace gasm
