// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace gasm {

enum class ReduceOp { sum, max, min };

/// What all_reduce adds and compares.
template <class T>
concept Reducible = std::is_same_v<T, float> || std::is_same_v<T, double> ||
    std::is_same_v<T, int> || std::is_same_v<T, std::int64_t> ||
    std::is_same_v<T, std::uint64_t>;

template <class T>
inline constexpr bool is_span = false;
template <class T, std::size_t N>
inline constexpr bool is_span<std::span<T, N>> = true;

/// What travels as its bytes.
template <class T>
concept Sendable =
    std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && !is_span<T>;

/// A group of ranks that act together: the owner of one MPI communicator.
///
/// A default-constructed one (self()) is null: rank 0 of 1, every operation
/// works at once and without MPI, so that serial code and parallel code are
/// one. Every member from split() down to gather_strings(), and close(), is
/// collective: all ranks of the group call it in the same order with the same
/// root, operation and number of values. One thread (the one that opened the
/// MpiSession) calls them.
///
/// A failing MPI call throws Error. Messages beyond 2 GiB go in pieces. Every
/// collective enters itself in the collective log (collective_log.hpp).
///
/// The destructor does not communicate, so it cannot release the MPI
/// communicator: that is leaked unless close() was called.
class Communicator {
 public:
  Communicator() noexcept;
  static Communicator self() { return {}; }
  ~Communicator();
  Communicator(Communicator&& other) noexcept;
  Communicator& operator=(Communicator&& other) noexcept;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_root() const { return rank_ == 0; }

  /// The ranks that gave the same color (>= 0), ordered by key, then rank.
  Communicator split(int color, int key) const;
  /// The ranks that share memory with this one, in order.
  Communicator node_local() const;
  /// The same ranks, with messages of their own.
  Communicator duplicate() const;
  /// Releases the MPI communicator; the object becomes self().
  void close();

  /// Sleeps while it waits (wakes up within 0.2 ms), unlike MPI's own calls,
  /// which keep the core busy: the rank's other threads go on.
  void barrier() const;

  /// Root's text on every rank; its length need not be known there.
  void broadcast(std::string& text, int root = 0) const;
  template <Sendable T>
  void broadcast(std::span<T> values, int root = 0) const {
    broadcast_bytes(std::as_writable_bytes(values), root);
  }
  template <Sendable T>
  void broadcast(T& value, int root = 0) const {
    broadcast(std::span<T>(&value, 1), root);
  }

  /// Combines value i of all ranks, in place, on all ranks. Sums of floats
  /// are equal on all ranks, but depend on the number of ranks: where that
  /// must not be, see tree_sum.hpp.
  void all_reduce(std::span<float> values, ReduceOp op) const;
  void all_reduce(std::span<double> values, ReduceOp op) const;
  void all_reduce(std::span<int> values, ReduceOp op) const;
  void all_reduce(std::span<std::int64_t> values, ReduceOp op) const;
  void all_reduce(std::span<std::uint64_t> values, ReduceOp op) const;

  template <Reducible T>
  void all_reduce_sum(std::span<T> values) const {
    all_reduce(values, ReduceOp::sum);
  }
  template <Reducible T>
  void all_reduce_max(std::span<T> values) const {
    all_reduce(values, ReduceOp::max);
  }
  template <Reducible T>
  void all_reduce_min(std::span<T> values) const {
    all_reduce(values, ReduceOp::min);
  }
  template <Reducible T>
  T all_reduce_sum(T value) const {
    all_reduce(std::span<T>(&value, 1), ReduceOp::sum);
    return value;
  }
  template <Reducible T>
  T all_reduce_max(T value) const {
    all_reduce(std::span<T>(&value, 1), ReduceOp::max);
    return value;
  }
  template <Reducible T>
  T all_reduce_min(T value) const {
    all_reduce(std::span<T>(&value, 1), ReduceOp::min);
    return value;
  }

  /// Every rank's value, by rank, on every rank.
  template <Sendable T>
  std::vector<T> all_gather(T const& value) const {
    std::vector<T> all(static_cast<std::size_t>(size_));
    all_gather_bytes(std::as_bytes(std::span(&value, 1)),
                     std::as_writable_bytes(std::span(all)));
    return all;
  }
  /// Every rank's text, by rank, on every rank.
  std::vector<std::string> all_gather_strings(std::string_view text) const;
  /// The same on root only; the other ranks get an empty vector.
  std::vector<std::string> gather_strings(std::string_view text,
                                          int root = 0) const;

 private:
  friend struct NativeAccess;
  struct Native;

  void broadcast_bytes(std::span<std::byte> bytes, int root) const;
  void all_gather_bytes(std::span<std::byte const> mine,
                        std::span<std::byte> all) const;

  std::unique_ptr<Native> native_;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace gasm
