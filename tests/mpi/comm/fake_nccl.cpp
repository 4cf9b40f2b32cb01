// SPDX-License-Identifier: Apache-2.0
#include "fake_nccl.hpp"

#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <cstring>

#include "gasm/comm/native.hpp"
#include "support/mpi_main.hpp"
#include "support/typed_numbers.hpp"

namespace gasm {
namespace {

FakeNccl the_fake;
int the_polls = 0;
/// Numbers of the ops that are made; NCCL's own are below it.
constexpr int kFirstOp = ncclNumOps;

ncclComm_t handle() { return reinterpret_cast<ncclComm_t>(&the_fake); }

MPI_Comm mpi() {
  static Communicator const own = test_world().duplicate();
  return native_handle(own);
}

ncclResult_t taken_up_later() {
  the_polls = the_fake.num_pending_polls;
  return ncclInProgress;
}

/// Numbers in memory, by NCCL's name of their type.
class Numbers {
 public:
  Numbers(void const* data, ncclDataType_t type) : type_(type) {
    data_ = static_cast<char*>(const_cast<void*>(data));
  }
  double at(std::size_t i) const {
    if (type_ == ncclFloat32) return read<float>(i);
    auto const bits = read<std::uint16_t>(i);
    return static_cast<double>(type_ == ncclBfloat16 ? widen_bf16(bits)
                                                     : widen_fp16(bits));
  }
  void set(std::size_t i, double value) {
    auto const wide = static_cast<float>(value);
    if (type_ == ncclFloat32) return write(i, wide);
    write(i, type_ == ncclBfloat16 ? narrow_bf16(wide) : narrow_fp16(wide));
  }

 private:
  template <class T>
  T read(std::size_t i) const {
    T value;
    std::memcpy(&value, data_ + i * sizeof(T), sizeof(T));
    return value;
  }
  template <class T>
  void write(std::size_t i, T value) {
    std::memcpy(data_ + i * sizeof(T), &value, sizeof(T));
  }

  ncclDataType_t type_;
  char* data_;
};

int num_ranks() { return test_world().size(); }

std::vector<double> reduced(void const* data, std::size_t count,
                            ncclDataType_t type, ncclRedOp_t op) {
  Numbers const numbers(data, type);
  double const factor =
      op >= kFirstOp ? the_fake.factors[static_cast<std::size_t>(op - kFirstOp)]
                     : 1.0;
  std::vector<double> all(count);
  for (std::size_t i = 0; i < count; ++i) all[i] = factor * numbers.at(i);
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, all.data(), static_cast<int>(count),
                          MPI_DOUBLE, op == ncclMax ? MPI_MAX : MPI_SUM, mpi()),
            "fake");
  if (op == ncclAvg)
    for (double& value : all) value /= num_ranks();
  return all;
}

ncclResult_t all_reduce(void const* send, void* receive, std::size_t count,
                        ncclDataType_t type, ncclRedOp_t op, ncclComm_t,
                        cudaStream_t) {
  auto const all = reduced(send, count, type, op);
  Numbers out(receive, type);
  for (std::size_t i = 0; i < count; ++i) out.set(i, all[i]);
  return taken_up_later();
}

ncclResult_t reduce_scatter(void const* send, void* receive, std::size_t count,
                            ncclDataType_t type, ncclRedOp_t op, ncclComm_t,
                            cudaStream_t) {
  auto const n = static_cast<std::size_t>(num_ranks());
  auto const all = reduced(send, count * n, type, op);
  auto const first = count * static_cast<std::size_t>(test_world().rank());
  Numbers out(receive, type);
  for (std::size_t i = 0; i < count; ++i) out.set(i, all[first + i]);
  return taken_up_later();
}

ncclResult_t all_gather(void const* send, void* receive, std::size_t count,
                        ncclDataType_t type, ncclComm_t, cudaStream_t) {
  auto const bytes = static_cast<int>(count * (type == ncclFloat32 ? 4 : 2));
  std::vector<char> mine(static_cast<std::size_t>(bytes));
  std::memcpy(mine.data(), send, mine.size());
  check_mpi(MPI_Allgather(mine.data(), bytes, MPI_BYTE, receive, bytes,
                          MPI_BYTE, mpi()),
            "fake");
  return taken_up_later();
}

ncclResult_t broadcast(void const* send, void* receive, std::size_t count,
                       ncclDataType_t type, int root, ncclComm_t,
                       cudaStream_t) {
  if (send != receive) return ncclInvalidArgument;
  auto const bytes = static_cast<int>(count * (type == ncclFloat32 ? 4 : 2));
  check_mpi(MPI_Bcast(receive, bytes, MPI_BYTE, root, mpi()), "fake");
  return taken_up_later();
}

ncclResult_t make_scaled_sum(ncclRedOp_t* op, void* factor, ncclDataType_t type,
                             ncclScalarResidence_t where, ncclComm_t) {
  if (where != ncclScalarHostImmediate) return ncclInvalidArgument;
  the_fake.factors.push_back(static_cast<float>(Numbers(factor, type).at(0)));
  ++the_fake.num_open_ops;
  *op = static_cast<ncclRedOp_t>(kFirstOp + the_fake.factors.size() - 1);
  return ncclSuccess;
}

ncclResult_t init(ncclComm_t* comm, int size, ncclUniqueId id, int rank,
                  ncclConfig_t* config) {
  if (size != num_ranks() || rank != test_world().rank())
    return ncclInvalidArgument;
  the_fake.blocking = config->blocking;
  the_fake.id.assign(std::begin(id.internal), std::end(id.internal));
  *comm = handle();
  return taken_up_later();
}

ncclResult_t get_async_error(ncclComm_t comm, ncclResult_t* state) {
  if (comm != handle()) return ncclInvalidArgument;
  *state = the_polls > 0 ? ncclInProgress : the_fake.async_error;
  the_polls = std::max(0, the_polls - 1);
  return ncclSuccess;
}

void add_nccl(NcclApi& api) {
  api.get_version = [](int* version) {
    *version = the_fake.version;
    return ncclSuccess;
  };
  api.get_unique_id = [](ncclUniqueId* id) {
    for (std::size_t i = 0; i < sizeof(id->internal); ++i)
      id->internal[i] = static_cast<char>(3 * i + 1);
    return ncclSuccess;
  };
  api.init = init;
  api.get_async_error = get_async_error;
  api.error_string = [](ncclResult_t result) {
    return result == ncclRemoteError ? "remote error" : "some error";
  };
  api.finalize = [](ncclComm_t) {
    ++the_fake.num_finalized;
    return taken_up_later();
  };
  api.destroy = [](ncclComm_t) {
    ++the_fake.num_destroyed;
    return ncclSuccess;
  };
  api.abort = [](ncclComm_t) {
    ++the_fake.num_aborts;
    return ncclSuccess;
  };
  api.all_reduce = all_reduce;
  api.reduce_scatter = reduce_scatter;
  api.all_gather = all_gather;
  api.broadcast = broadcast;
  api.make_scaled_sum = make_scaled_sum;
  api.destroy_op = [](ncclRedOp_t, ncclComm_t) {
    --the_fake.num_open_ops;
    return ncclSuccess;
  };
}

void add_cuda(NcclApi& api) {
  api.cuda_error_string = [](cudaError_t error) {
    return error == cudaErrorNoDevice ? "no CUDA-capable device is detected"
                                      : "some CUDA error";
  };
  api.get_device_count = [](int* count) {
    *count = the_fake.num_devices;
    return the_fake.device_error;
  };
  api.set_device = [](int device) {
    the_fake.device = device;
    return cudaSuccess;
  };
  api.get_bus_id = [](char* text, int size, int) {
    auto const id = the_fake.bus_id.empty()
                        ? fmt::format("0000:{:02x}:00.0", test_world().rank())
                        : the_fake.bus_id;
    std::strncpy(text, id.c_str(), static_cast<std::size_t>(size) - 1);
    return cudaSuccess;
  };
  api.create_stream = [](cudaStream_t* stream, unsigned int) {
    *stream = reinterpret_cast<cudaStream_t>(&the_polls);
    return cudaSuccess;
  };
  api.destroy_stream = [](cudaStream_t) { return cudaSuccess; };
  api.query_stream = [](cudaStream_t) { return the_fake.stream_state; };
}

}  // namespace

FakeNccl& fake() { return the_fake; }

NcclApi fake_api() {
  mpi();
  the_fake = {};
  the_polls = 0;
  NcclApi api;
  add_nccl(api);
  add_cuda(api);
  return api;
}

}  // namespace gasm
