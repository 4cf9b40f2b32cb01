// SPDX-License-Identifier: Apache-2.0
#include "train_device.hpp"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>

#include "cuda_support.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/nccl_collective.hpp"
#include "gasm/config/load.hpp"

namespace gasm {
namespace {

std::string ranks_text(std::vector<std::size_t> const& ranks) {
  return fmt::format("rank{} {}", ranks.size() == 1 ? "" : "s",
                     fmt::join(ranks, ", "));
}

/// Why a rank has no GPU to offer.
std::string reason_of(RankOffer const& offer) {
  return offer.is_linked ? "no CUDA device is visible there"
                         : "the program is not linked with LibTorch's CUDA "
                           "libraries there";
}

}  // namespace

std::vector<at::Device> choose_devices(DeviceChoice choice,
                                       std::vector<RankOffer> const& offers) {
  std::vector<at::Device> devices(offers.size(), at::Device(at::kCPU));
  if (choice == DeviceChoice::cpu) return devices;
  std::vector<std::size_t> with, without;
  for (std::size_t rank = 0; rank < offers.size(); ++rank)
    (offers[rank].num_devices > 0 ? with : without).push_back(rank);
  if (with.empty() && choice == DeviceChoice::automatic) return devices;
  if (!without.empty()) {
    auto const why = reason_of(offers[without.front()]);
    if (with.empty())
      throw AgreedError(
          usage_error("train.device is cuda, and no rank has a GPU ({}). Try "
                      "train.device: cpu, or gasm doctor",
                      why));
    throw AgreedError(usage_error(
        "{} cannot compute on a GPU ({}), and {} can (all ranks need one type "
        "of device). Try hosts that all have GPUs, or train.device: cpu",
        ranks_text(without), why, ranks_text(with)));
  }
  for (std::size_t rank = 0; rank < offers.size(); ++rank)
    devices[rank] = at::Device(
        at::kCUDA, static_cast<at::DeviceIndex>(offers[rank].local_rank %
                                                offers[rank].num_devices));
  return devices;
}

at::Device train_device(Communicator const& world, RunConfig const& config) {
  auto const choice = config.train.device;
  auto local = world.node_local();
  RankOffer const mine{
      .is_linked = is_cuda_linked(),
      .num_devices = choice == DeviceChoice::cpu || !is_cuda_linked()
                         ? 0
                         : static_cast<int>(torch::cuda::device_count()),
      .local_rank = local.rank()};
  local.close();
  auto const device = choose_devices(
      choice, world.all_gather(mine))[static_cast<std::size_t>(world.rank())];
  if (device.is_cpu() && config.parallel.backend == Backend::nccl)
    throw AgreedError(usage_error(
        "parallel.backend is nccl, and train.device: {} has found no GPU (NCCL "
        "moves GPUs' memory). Try parallel.backend: auto, or gasm doctor",
        to_word(choice)));
  if (!device.is_cpu())
    agree_call(world, [&] {
      c10::impl::VirtualGuardImpl(device.type()).setDevice(device);
    });
  return device;
}

std::unique_ptr<Collective> device_collective(Communicator const& world,
                                              RunConfig const& config,
                                              at::Device device, void* stream) {
  auto checked = config;
  checked.train.device = DeviceChoice::cuda;
  agree_call(world, [&] { validate(checked); });
  auto const backend = config.parallel.backend;
  if (world.size() == 1) return make_self_collective();
  if (backend == Backend::mpi || device.is_cpu())
    return make_mpi_collective(world);
  return make_nccl_collective(world,
                              {.device = device.index(), .stream = stream});
}

}  // namespace gasm
