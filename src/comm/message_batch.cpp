// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/message_batch.hpp"

#include <mpi.h>

#include <vector>

#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/comm/native.hpp"
#include "native_access.hpp"
#include "wait_asleep.hpp"

namespace gasm {
namespace {

constexpr int kTag = 3;

}  // namespace

struct MessageBatch::Requests {
  std::vector<MPI_Request> handles;
};

MessageBatch::MessageBatch(Communicator const& comm)
    : comm_(&comm), requests_(std::make_unique<Requests>()) {}
MessageBatch::~MessageBatch() = default;
MessageBatch::MessageBatch(MessageBatch&& other) noexcept = default;
MessageBatch& MessageBatch::operator=(MessageBatch&& other) noexcept = default;

void MessageBatch::send(std::span<std::byte const> bytes, int to) {
  for_each_piece(bytes.size(), 1, [&](std::size_t first, std::size_t count) {
    check_mpi(MPI_Isend(bytes.data() + first, static_cast<int>(count), MPI_BYTE,
                        to, kTag, native_handle(*comm_),
                        &requests_->handles.emplace_back(MPI_REQUEST_NULL)),
              "send");
  });
}

void MessageBatch::receive(std::span<std::byte> bytes, int from) {
  for_each_piece(bytes.size(), 1, [&](std::size_t first, std::size_t count) {
    check_mpi(MPI_Irecv(bytes.data() + first, static_cast<int>(count), MPI_BYTE,
                        from, kTag, native_handle(*comm_),
                        &requests_->handles.emplace_back(MPI_REQUEST_NULL)),
              "receive");
  });
}

void MessageBatch::wait() {
  auto& handles = requests_->handles;
  // Before the question whether there are any: ranks in step count the same.
  CollectiveScope scope("message_batch",
                        {.bytes = handles.size(), .is_uniform = false});
  if (handles.empty()) return;
  wait_asleep([&] {
    int is_done = 0;
    check_mpi(MPI_Testall(static_cast<int>(handles.size()), handles.data(),
                          &is_done, MPI_STATUSES_IGNORE),
              "message batch");
    return is_done != 0;
  });
  handles.clear();
}

}  // namespace gasm
