// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace gasm {

class Communicator;

/// Messages between pairs of ranks that travel while the ranks do other
/// things. What one rank sends to another arrives in the order in which both
/// add it, so all ranks must add the same messages in the same order; a
/// receiver knows the size. Between ranks alone, not collective; `comm` must
/// carry no other batch that is not finished in the same order.
///
/// Memory that was added must stay until wait() returns. The destructor does
/// not wait: a batch with messages under way must be waited for.
class MessageBatch {
 public:
  explicit MessageBatch(Communicator const& comm);
  ~MessageBatch();
  MessageBatch(MessageBatch&& other) noexcept;
  MessageBatch& operator=(MessageBatch&& other) noexcept;

  void send(std::span<std::byte const> bytes, int to);
  void receive(std::span<std::byte> bytes, int from);

  /// Returns when all messages have arrived or left; sleeps meanwhile.
  void wait();

 private:
  struct Requests;
  Communicator const* comm_;
  std::unique_ptr<Requests> requests_;
};

}  // namespace gasm
