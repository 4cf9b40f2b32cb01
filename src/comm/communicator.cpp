// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/communicator.hpp"

#include <numeric>
#include <utility>

#include "gasm/base/error.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/native.hpp"
#include "native_access.hpp"
#include "wait_asleep.hpp"

namespace gasm {
namespace {

template <class T>
MPI_Datatype mpi_type() {
  if constexpr (std::is_same_v<T, float>) return MPI_FLOAT;
  if constexpr (std::is_same_v<T, double>) return MPI_DOUBLE;
  if constexpr (std::is_same_v<T, int>) return MPI_INT;
  if constexpr (std::is_same_v<T, std::int64_t>) return MPI_INT64_T;
  if constexpr (std::is_same_v<T, std::uint64_t>) return MPI_UINT64_T;
}

template <class T>
char const* type_name() {
  if constexpr (std::is_same_v<T, float>) return "fp32";
  if constexpr (std::is_same_v<T, double>) return "fp64";
  if constexpr (std::is_same_v<T, int>) return "int32";
  if constexpr (std::is_same_v<T, std::int64_t>) return "int64";
  if constexpr (std::is_same_v<T, std::uint64_t>) return "uint64";
}

MPI_Op mpi_op(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum:
      return MPI_SUM;
    case ReduceOp::max:
      return MPI_MAX;
    case ReduceOp::min:
      return MPI_MIN;
  }
  throw error("unknown reduction {}", static_cast<int>(op));
}

template <class T>
void reduce_in_place(MPI_Comm comm, std::span<T> values, ReduceOp op) {
  CollectiveScope scope("all_reduce",
                        {.bytes = values.size_bytes(), .type = type_name<T>()});
  for_each_piece(values.size(), sizeof(T),
                 [&](std::size_t first, std::size_t count) {
                   check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data() + first,
                                           static_cast<int>(count),
                                           mpi_type<T>(), mpi_op(op), comm),
                             "all_reduce");
                 });
}

void require_root(int root, int size) {
  if (root < 0 || root >= size)
    throw error("root {} is not a rank of this group ({} ranks)", root, size);
}

}  // namespace

Communicator::Communicator() noexcept = default;
Communicator::~Communicator() = default;

Communicator::Communicator(Communicator&& other) noexcept
    : native_(std::move(other.native_)),
      rank_(std::exchange(other.rank_, 0)),
      size_(std::exchange(other.size_, 1)) {}

Communicator& Communicator::operator=(Communicator&& other) noexcept {
  if (this != &other) {
    native_ = std::move(other.native_);
    rank_ = std::exchange(other.rank_, 0);
    size_ = std::exchange(other.size_, 1);
  }
  return *this;
}

Communicator Communicator::split(int color, int key) const {
  if (color < 0)
    throw error("split color {} is negative (every rank joins a group)", color);
  if (!native_) return {};
  CollectiveScope scope("split", 0);
  MPI_Comm part = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(native_->comm, color, key, &part), "split");
  return NativeAccess::adopt(part);
}

Communicator Communicator::node_local() const {
  if (!native_) return {};
  CollectiveScope scope("node_local", 0);
  MPI_Comm part = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(native_->comm, MPI_COMM_TYPE_SHARED, rank_,
                                MPI_INFO_NULL, &part),
            "node_local");
  return NativeAccess::adopt(part);
}

Communicator Communicator::duplicate() const {
  if (!native_) return {};
  CollectiveScope scope("duplicate", 0);
  MPI_Comm copy = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(native_->comm, &copy), "duplicate");
  return NativeAccess::adopt(copy);
}

void Communicator::close() {
  if (native_) {
    CollectiveScope scope("close", 0);
    check_mpi(MPI_Comm_free(&native_->comm), "close");
  }
  *this = Communicator();
}

void Communicator::barrier() const {
  if (!native_) return;
  CollectiveScope scope("barrier", 0);
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Ibarrier(native_->comm, &request), "barrier");
  wait_asleep([&] {
    int is_done = 0;
    check_mpi(MPI_Test(&request, &is_done, MPI_STATUS_IGNORE), "barrier");
    return is_done != 0;
  });
}

void Communicator::broadcast(std::string& text, int root) const {
  std::uint64_t size = text.size();
  broadcast(size, root);
  text.resize(size);
  broadcast(std::span(text.data(), text.size()), root);
}

void Communicator::broadcast_bytes(std::span<std::byte> bytes, int root) const {
  require_root(root, size_);
  if (!native_) return;
  CollectiveScope scope("broadcast", bytes.size());
  for_each_piece(bytes.size(), 1, [&](std::size_t first, std::size_t count) {
    check_mpi(MPI_Bcast(bytes.data() + first, static_cast<int>(count), MPI_BYTE,
                        root, native_->comm),
              "broadcast");
  });
}

void Communicator::all_reduce(std::span<float> values, ReduceOp op) const {
  if (native_) reduce_in_place(native_->comm, values, op);
}
void Communicator::all_reduce(std::span<double> values, ReduceOp op) const {
  if (native_) reduce_in_place(native_->comm, values, op);
}
void Communicator::all_reduce(std::span<int> values, ReduceOp op) const {
  if (native_) reduce_in_place(native_->comm, values, op);
}
void Communicator::all_reduce(std::span<std::int64_t> values,
                              ReduceOp op) const {
  if (native_) reduce_in_place(native_->comm, values, op);
}
void Communicator::all_reduce(std::span<std::uint64_t> values,
                              ReduceOp op) const {
  if (native_) reduce_in_place(native_->comm, values, op);
}

void Communicator::all_gather_bytes(std::span<std::byte const> mine,
                                    std::span<std::byte> all) const {
  if (!native_) {
    std::copy(mine.begin(), mine.end(), all.begin());
    return;
  }
  CollectiveScope scope("all_gather", mine.size());
  if (mine.size() > max_message_bytes())
    throw error("all_gather of a value of {} bytes (at most {}). Try broadcast",
                mine.size(), max_message_bytes());
  check_mpi(MPI_Allgather(mine.data(), static_cast<int>(mine.size()), MPI_BYTE,
                          all.data(), static_cast<int>(mine.size()), MPI_BYTE,
                          native_->comm),
            "all_gather");
}

std::vector<std::string> Communicator::all_gather_strings(
    std::string_view text) const {
  if (!native_) return {std::string(text)};
  CollectiveScope scope("all_gather_strings",
                        {.bytes = text.size(), .is_uniform = false});
  auto const sizes = all_gather<std::uint64_t>(text.size());
  std::vector<std::string> all(sizes.size());
  // One broadcast a rank: any length, and a text arrives where it stays.
  for (int root = 0; root < size_; ++root) {
    auto& into = all[static_cast<std::size_t>(root)];
    if (root == rank_) into = text;
    into.resize(sizes[static_cast<std::size_t>(root)]);
    if (!into.empty()) broadcast(std::span(into.data(), into.size()), root);
  }
  return all;
}

std::vector<std::string> Communicator::gather_strings(std::string_view text,
                                                      int root) const {
  require_root(root, size_);
  if (!native_) return {std::string(text)};
  CollectiveScope scope("gather_strings",
                        {.bytes = text.size(), .is_uniform = false});
  auto const sizes = all_gather<std::uint64_t>(text.size());
  constexpr int tag = 1;
  if (rank_ != root) {
    for_each_piece(text.size(), 1, [&](std::size_t first, std::size_t count) {
      check_mpi(MPI_Send(text.data() + first, static_cast<int>(count), MPI_BYTE,
                         root, tag, native_->comm),
                "gather_strings");
    });
    return {};
  }
  std::vector<std::string> all(sizes.size());
  for (int from = 0; from < size_; ++from) {
    auto& into = all[static_cast<std::size_t>(from)];
    if (from == rank_) {
      into = text;
      continue;
    }
    into.resize(sizes[static_cast<std::size_t>(from)]);
    for_each_piece(into.size(), 1, [&](std::size_t first, std::size_t count) {
      check_mpi(MPI_Recv(into.data() + first, static_cast<int>(count), MPI_BYTE,
                         from, tag, native_->comm, MPI_STATUS_IGNORE),
                "gather_strings");
    });
  }
  return all;
}

}  // namespace gasm
