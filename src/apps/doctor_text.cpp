// SPDX-License-Identifier: Apache-2.0
#include "doctor_text.hpp"

#include <fmt/format.h>

#include <sstream>

#include "gasm/base/build_info.hpp"
#include "gasm/base/host_name.hpp"
#include "gasm/comm/mpi_info.hpp"
#include "gasm/comm/nccl_collective.hpp"
#include "gasm/store/hdf5_info.hpp"
#include "gasm/video/ffmpeg_info.hpp"
#include "known_bad.hpp"
#include "machine_info.hpp"
#include "torch_info.hpp"

namespace gasm {
namespace {

constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;
constexpr double kMinTemp_gib = 1.0;

std::string mark(bool is_good) { return is_good ? "[ok]  " : "[warn]"; }

std::string row(std::string const& name, std::string const& value) {
  return fmt::format("       {:<12} {}\n", name, value);
}

std::string row(bool is_good, std::string const& name,
                std::string const& value) {
  return fmt::format("{} {:<12} {}\n", mark(is_good), name, value);
}

std::string build_text() {
  auto const build = build_info();
  return "Build\n" +
         row("gasm", build.version + " (" + build.build_type + ")") +
         row("commit", commit_text(build)) + row("compiler", build.compiler);
}

std::string torch_text(MachineInfo const& machine) {
  auto const torch = torch_info();
  auto const cuda = !torch.has_cuda_linked
                        ? std::string("not linked, runs on the CPU")
                        : fmt::format("linked, {} device{}", torch.num_devices,
                                      torch.num_devices == 1 ? "" : "s");
  // A driver that goes unused is worth a look; a machine without one is not.
  return row("LibTorch", torch.version) +
         row("fp32", torch.multiplies_with_onednn
                         ? "linear maps by oneDNN, faster here than MKL"
                         : "linear maps by the BLAS that is built in") +
         row(!machine.has_gpu_driver || torch.num_devices > 0, "CUDA", cuda);
}

/// A GPU whose NCCL does not work is worth a look; a machine without one is
/// not.
std::string nccl_text(MachineInfo const& machine) {
  auto const nccl = nccl_info();
  auto text = std::string(nccl.is_built ? "built in" : "not in this build");
  if (!nccl.version.empty()) text += ", loads " + nccl.version;
  text += nccl.num_devices > 0
              ? fmt::format(", {} CUDA device(s)", nccl.num_devices)
              : ": " + nccl.problem;
  return row(!machine.has_gpu_driver || nccl.num_devices > 0, "NCCL", text);
}

std::string libraries_text(MachineInfo const& machine) {
  auto const hdf5 = hdf5_info();
  auto const ffmpeg = ffmpeg_info();
  std::string parts;
  for (auto const& [name, version] : ffmpeg.libraries)
    parts += (parts.empty() ? "" : ", ") + name + " " + version;
  return "Libraries\n" + row("MPI", mpi_library_version()) +
         row(hdf5.is_parallel, "HDF5",
             hdf5.version + (hdf5.is_parallel ? ", parallel" : ", serial")) +
         row("FFmpeg", ffmpeg.release + " (" + parts + ")") +
         row(ffmpeg.decodes_vp9, "VP9 decoder",
             ffmpeg.decodes_vp9 ? "yes" : "none: SSv2 cannot be read") +
         row(ffmpeg.encodes_vp9, "VP9 encoder",
             ffmpeg.encodes_vp9 ? "libvpx-vp9" : "none: no gasm synth") +
         torch_text(machine) + nccl_text(machine);
}

std::string machine_text(MachineInfo const& machine) {
  double const temp_gib =
      static_cast<double>(machine.temp_free_bytes) / kGibibyte;
  return "Machine\n" + row("host", host_name()) +
         row("CPUs", std::to_string(machine.num_cpus)) +
         row("memory", fmt::format("{:.1f} GiB",
                                   static_cast<double>(machine.memory_bytes) /
                                       kGibibyte)) +
         row(temp_gib >= kMinTemp_gib, "temporary",
             fmt::format("{}, {:.1f} GiB free", machine.temp_folder.string(),
                         temp_gib));
}

}  // namespace

std::string system_text() {
  auto const machine = machine_info();
  return build_text() + libraries_text(machine) + machine_text(machine);
}

std::string ranks_text(int num_ranks, std::string const& layout) {
  auto const level = mpi_thread_level();
  auto text = "MPI, started\n" + row("ranks", std::to_string(num_ranks)) +
              row(level != "MPI_THREAD_SINGLE", "threads", level);
  std::istringstream lines(layout);
  for (std::string line; std::getline(lines, line);)
    text += row("layout", line);
  text += "Known bad versions\n";
  auto const hdf5 = hdf5_info();
  for (auto const& finding :
       known_bad({mpi_library_version(), hdf5.version, hdf5.is_parallel}))
    text +=
        fmt::format("{} {}\n", mark(finding.mark == Mark::ok), finding.text);
  return text;
}

}  // namespace gasm
