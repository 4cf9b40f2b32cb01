// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace gasm {

/// zlib's state in the middle of a gzip stream. Copies go on independently.
class Inflater {
 public:
  enum class Outcome {
    more,            ///< wants more input, or room for more output
    stream_end,      ///< the stream ended, its checksum and length are right
    wrong_checksum,  ///< the stream ended, but they are wrong
    damaged,
  };
  struct Step {
    Outcome outcome = Outcome::more;
    std::size_t num_out = 0;
    std::span<std::byte const> rest = {};  ///< of the input
    std::string reason = {};               ///< why it is damaged
  };

  Inflater();
  ~Inflater();
  Inflater(Inflater const& other);
  Inflater& operator=(Inflater const& other);
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;

  /// Unpacks from `in` to the front of `out` until one of them is used up.
  Step run(std::span<std::byte const> in, std::span<std::byte> out);
  /// Begins a new stream.
  void restart();

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace gasm
