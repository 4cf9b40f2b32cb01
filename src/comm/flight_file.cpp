// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/flight_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <cstring>
#include <string_view>

#include "flight_ring.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/host_name.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/stage.hpp"

namespace gasm {
namespace {

constexpr std::size_t kMaxPath = 4096;

/// Filled in advance: a signal handler may not make texts.
struct Place {
  std::array<char, kMaxPath> path{};
  std::array<char, kMaxPath> unfinished{};
  std::array<char, 256> host{};
  int rank = -1;
  std::atomic<bool> is_set{false};
  std::atomic<bool> is_written{false};
};

constinit Place the_place;

template <std::size_t N>
bool copy_text(std::string const& text, std::array<char, N>& into) {
  if (text.size() >= N) return false;
  into.fill('\0');
  std::memcpy(into.data(), text.data(), text.size());
  return true;
}

/// Text into a file by system calls alone.
class RawWriter {
 public:
  explicit RawWriter(int fd) : fd_(fd) {}
  RawWriter& operator<<(char const* text) {
    for (; text != nullptr && *text != '\0'; ++text) put(*text);
    return *this;
  }
  RawWriter& operator<<(std::int64_t value) {
    std::array<char, 24> digits{};
    auto const end =
        std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    for (auto const* at = digits.data(); at != end; ++at) put(*at);
    return *this;
  }
  /// Microseconds as seconds.
  RawWriter& time(std::int64_t us) {
    *this << us / 1000000 << ".";
    for (std::int64_t unit = 100000, rest = us % 1000000; unit > 0; unit /= 10)
      put(static_cast<char>('0' + rest / unit % 10));
    return *this;
  }
  bool flush() {
    for (std::size_t done = 0; done < size_ && is_good_;) {
      auto const n = ::write(fd_, buffer_.data() + done, size_ - done);
      is_good_ = n > 0;
      done += n > 0 ? static_cast<std::size_t>(n) : 0;
    }
    size_ = 0;
    return is_good_;
  }

 private:
  void put(char c) {
    if (size_ == buffer_.size()) flush();
    buffer_[size_++] = c;
  }

  int fd_;
  bool is_good_ = true;
  std::size_t size_ = 0;
  std::array<char, 4096> buffer_;
};

/// A phase and the stage in it, both safe in JSON.
void write_phase(RawWriter& out, char const* phase, char const* stage) {
  out << "\"phase\":\"" << phase;
  if (stage != nullptr) out << " > " << stage;
  out << "\"";
}

void write_call(RawWriter& out, FlightRing::Slot const& slot) {
  out << "{\"sequence\":" << static_cast<std::int64_t>(slot.sequence.load())
      << ",\"kind\":\"" << slot.kind.load()
      << "\",\"bytes\":" << static_cast<std::int64_t>(slot.bytes.load())
      << ",\"type\":\"" << slot.type.load()
      << "\",\"uniform\":" << (slot.is_uniform.load() ? "true" : "false")
      << ",\"posted\":" << (slot.is_posted.load() ? "true" : "false")
      << ",\"bucket\":";
  if (int const bucket = slot.bucket.load(); bucket >= 0)
    out << static_cast<std::int64_t>(bucket);
  else
    out << "null";
  out << ",";
  write_phase(out, slot.phase.load(), slot.stage.load());
  out << ",\"begin\":";
  out.time(slot.begin_us.load()) << ",\"end\":";
  if (auto const end_us = slot.end_us.load(); end_us != 0)
    out.time(end_us);
  else
    out << "null";
  out << "}";
}

/// Tickets in the ring, oldest first.
template <class Body>
void for_each_call(Body body) {
  auto& ring = flight_ring();
  auto const last = ring.last.load(std::memory_order_acquire);
  auto const first =
      last > FlightRing::num_slots ? last - FlightRing::num_slots + 1 : 1;
  for (auto ticket = first; ticket <= last; ++ticket) {
    auto const& slot = ring.slot_of(ticket);
    if (slot.ticket.load(std::memory_order_acquire) == ticket) body(slot);
  }
}

bool write_to(int fd, char const* reason) {
  RawWriter out(fd);
  auto const last = last_collective();
  out << "{\"schema\":\"gasm.flight\",\"version\":1,\"rank\":"
      << static_cast<std::int64_t>(the_place.rank) << ",\"host\":\""
      << the_place.host.data()
      << "\",\"pid\":" << static_cast<std::int64_t>(::getpid())
      << ",\"reason\":\"" << reason << "\",\"time\":";
  out.time(steady_unix_us()) << ",";
  write_phase(out, phase_mark(), current_stage());
  out << ",\"parameter\":";
  if (auto const* const parameter = last_parameter())
    out << "\"" << parameter << "\"";
  else
    out << "null";
  out << ",\"sequence\":" << static_cast<std::int64_t>(last.sequence)
      << ",\"inside\":" << (last.inside ? "true" : "false") << ",\"calls\":[";
  char const* separator = "\n";
  for_each_call([&](FlightRing::Slot const& slot) {
    out << separator;
    write_call(out, slot);
    separator = ",\n";
  });
  out << "\n]}\n";
  return out.flush();
}

std::string phase_text(char const* phase, char const* stage) {
  std::string text = phase == nullptr ? "" : phase;
  if (stage != nullptr) text += std::string(" > ") + stage;
  return text;
}

/// The value of `"key":` in a line that this file's writer made; a text
/// without its quotes.
std::optional<std::string_view> value_of(std::string_view line,
                                         std::string_view key) {
  auto const name = fmt::format("\"{}\":", key);
  auto const at = line.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  line.remove_prefix(at + name.size());
  if (line.empty()) return std::nullopt;
  if (line.front() != '"') return line.substr(0, line.find_first_of(",}]\n"));
  line.remove_prefix(1);
  for (std::size_t end = 0; end < line.size(); ++end) {
    if (line[end] == '\\')
      ++end;
    else if (line[end] == '"')
      return line.substr(0, end);
  }
  return std::nullopt;
}

template <class Number>
bool parse(std::string_view line, std::string_view key, Number& into) {
  auto const text = value_of(line, key);
  if (!text) return false;
  if (*text == "null") return true;
  auto const* const end = text->data() + text->size();
  auto const parsed = std::from_chars(text->data(), end, into);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

bool parse(std::string_view line, std::string_view key, std::string& into) {
  auto const text = value_of(line, key);
  if (text) into = *text;
  return text.has_value();
}

bool parse(std::string_view line, std::string_view key, bool& into) {
  auto const text = value_of(line, key);
  into = text && *text == "true";
  return text.has_value();
}

std::optional<FlightCall> parse_call(std::string_view line) {
  FlightCall call;
  bool const is_whole =
      parse(line, "sequence", call.sequence) &&
      parse(line, "kind", call.kind) && parse(line, "bytes", call.bytes) &&
      parse(line, "type", call.type) &&
      parse(line, "uniform", call.is_uniform) &&
      parse(line, "posted", call.is_posted) &&
      parse(line, "bucket", call.bucket) && parse(line, "phase", call.phase) &&
      parse(line, "begin", call.begin_s) && parse(line, "end", call.end_s);
  return is_whole ? std::optional(call) : std::nullopt;
}

}  // namespace

void set_flight_file(std::filesystem::path const& path, int rank) {
  the_place.is_set = false;
  if (path.empty()) return;
  steady_unix_us();  // its offset, before a signal handler asks for it
  bool const fits = copy_text(path.string(), the_place.path) &&
                    copy_text(path.string() + ".tmp", the_place.unfinished);
  copy_text(kept_text(host_name()), the_place.host);
  the_place.rank = rank;
  the_place.is_written = false;
  the_place.is_set = fits;
}

bool write_flight_file(char const* reason) {
  if (!the_place.is_set || the_place.is_written.exchange(true)) return false;
  int const fd = ::open(the_place.unfinished.data(),
                        O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  bool const is_good = write_to(fd, reason);
  ::close(fd);
  return is_good &&
         ::rename(the_place.unfinished.data(), the_place.path.data()) == 0;
}

std::vector<FlightCall> recent_calls() {
  std::vector<FlightCall> calls;
  for_each_call([&](FlightRing::Slot const& slot) {
    calls.push_back(
        {.sequence = slot.sequence.load(),
         .kind = slot.kind.load(),
         .bytes = slot.bytes.load(),
         .type = slot.type.load(),
         .is_uniform = slot.is_uniform.load(),
         .is_posted = slot.is_posted.load(),
         .bucket = slot.bucket.load(),
         .phase = phase_text(slot.phase.load(), slot.stage.load()),
         .begin_s = 1e-6 * static_cast<double>(slot.begin_us.load()),
         .end_s = 1e-6 * static_cast<double>(slot.end_us.load())});
  });
  return calls;
}

std::optional<Flight> read_flight_file(std::filesystem::path const& path) {
  auto const text = read_text(path);
  if (!text) return std::nullopt;
  std::string_view rest = *text;
  auto const head_end = rest.find('\n');
  if (head_end == std::string_view::npos) return std::nullopt;
  auto const head = rest.substr(0, head_end);
  Flight flight;
  if (value_of(head, "schema") != "gasm.flight" ||
      !parse(head, "rank", flight.rank) || !parse(head, "host", flight.host) ||
      !parse(head, "pid", flight.pid) ||
      !parse(head, "reason", flight.reason) ||
      !parse(head, "phase", flight.phase))
    return std::nullopt;
  rest.remove_prefix(head_end + 1);
  while (!rest.empty()) {
    auto const line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (auto call = parse_call(line)) flight.calls.push_back(std::move(*call));
  }
  return flight;
}

std::filesystem::path flight_path(std::filesystem::path const& folder,
                                  int rank) {
  return folder / fmt::format("flight-rank-{}.json", rank);
}

}  // namespace gasm
