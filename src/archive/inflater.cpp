// SPDX-License-Identifier: Apache-2.0
#include "inflater.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "gasm/base/error.hpp"

namespace gasm {

struct Inflater::Stream {
  z_stream z{};
  Stream() = default;
  Stream(Stream const&) = delete;
  Stream& operator=(Stream const&) = delete;
  ~Stream() { inflateEnd(&z); }
};

Inflater::Inflater() : stream_(std::make_unique<Stream>()) {
  // 16: a gzip header is wanted, and the checksum at the end is compared.
  GASM_ASSERT(inflateInit2(&stream_->z, MAX_WBITS + 16) == Z_OK);
}
Inflater::~Inflater() = default;
Inflater::Inflater(Inflater&&) noexcept = default;
Inflater& Inflater::operator=(Inflater&&) noexcept = default;

Inflater::Inflater(Inflater const& other)
    : stream_(std::make_unique<Stream>()) {
  GASM_ASSERT(inflateCopy(&stream_->z, &other.stream_->z) == Z_OK);
}

Inflater& Inflater::operator=(Inflater const& other) {
  if (this != &other) *this = Inflater(other);
  return *this;
}

void Inflater::restart() { GASM_ASSERT(inflateReset(&stream_->z) == Z_OK); }

Inflater::Step Inflater::run(std::span<std::byte const> in,
                             std::span<std::byte> out) {
  constexpr std::size_t max_piece = std::numeric_limits<uInt>::max();
  auto& z = stream_->z;
  in = in.first(std::min(in.size(), max_piece));
  out = out.first(std::min(out.size(), max_piece));
  // zlib's interface knows no const; it reads the input only.
  z.next_in = const_cast<Bytef*>(reinterpret_cast<Bytef const*>(in.data()));
  z.avail_in = static_cast<uInt>(in.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  int const code = inflate(&z, Z_NO_FLUSH);
  Step step;
  step.rest = in.last(z.avail_in);
  step.num_out = out.size() - z.avail_out;
  if (code == Z_STREAM_END) {
    step.outcome = Outcome::stream_end;
  } else if (code != Z_OK && code != Z_BUF_ERROR) {
    step.reason = z.msg != nullptr ? z.msg : zError(code);
    // zlib has one code for both.
    bool const is_end = step.reason == "incorrect data check" ||
                        step.reason == "incorrect length check";
    step.outcome = is_end ? Outcome::wrong_checksum : Outcome::damaged;
  }
  return step;
}

}  // namespace gasm
