// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "gasm/base/result.hpp"
#include "gasm/comm/communicator.hpp"

namespace gasm {

/// An Error that every rank of the group throws at the same place, so that
/// all may end, or go on, in order. Made by agree(); also thrown directly
/// where all ranks check the same broadcast bytes.
class AgreedError : public Error {
 public:
  explicit AgreedError(Error const& cause) : Error(cause) {}
};

/// Throws the same AgreedError on all ranks if any rank has a failure: the
/// message and code of the lowest failing rank, and "(on rank N of M, host H;
/// K ranks failed)". Else returns. Collective.
void agree_failures(Communicator const& comm, std::optional<Error> const& mine);

/// One rank's failure becomes everybody's: to be called at every border
/// (open, load, save) before the next collective, by all ranks. Returns this
/// rank's value if all ranks have one; else throws AgreedError on all ranks.
/// Collective.
template <class T>
T agree(Communicator const& comm, Result<T> mine) {
  agree_failures(comm, mine ? std::nullopt : std::optional(mine.error()));
  if constexpr (!std::is_void_v<T>) return *std::move(mine);
}

inline void agree_ok(Communicator const& comm, Result<void> const& mine) {
  agree_failures(comm, mine ? std::nullopt : std::optional(mine.error()));
}

/// What `body` returns, or the exception that it ends with.
template <class Body>
auto caught(Body&& body) -> Result<std::invoke_result_t<Body>> {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Body>>) {
      std::forward<Body>(body)();
      return {};
    } else {
      return std::forward<Body>(body)();
    }
  } catch (Error const& failed) {
    return tl::unexpected<Error>(failed);
  } catch (std::exception const& failed) {
    return tl::unexpected<Error>(error_of(failed));
  }
}

/// Runs `body`, which must not communicate, and agrees on how it ended: an
/// exception on any rank becomes the same AgreedError on all. Collective.
template <class Body>
auto agree_call(Communicator const& comm, Body&& body)
    -> std::invoke_result_t<Body> {
  return agree(comm, caught(std::forward<Body>(body)));
}

}  // namespace gasm
