// SPDX-License-Identifier: Apache-2.0
#include "handles.hpp"

#include <array>
#include <cstdarg>
#include <mutex>
#include <new>
#include <string>

namespace gasm::ffmpeg {
namespace {

thread_local std::array<char, 160> complaint{};

void keep_complaint(void* source, int level, char const* format,
                    va_list arguments) {
  if (level > AV_LOG_ERROR) return;
  int print_prefix = 1;
  av_log_format_line2(source, level, format, arguments, complaint.data(),
                      static_cast<int>(complaint.size()), &print_prefix);
}

/// "[vp9 @ 0x55d0c8] Bad header\n" without address and line end, so that the
/// same file always gives the same message.
std::string tidy(std::string line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == ' '))
    line.pop_back();
  if (auto const at = line.find(" @ 0x"); at != std::string::npos)
    if (auto const end = line.find(']', at); end != std::string::npos)
      line.erase(at, end - at);
  return line;
}

template <class T>
T* or_bad_alloc(T* pointer) {
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}

}  // namespace

Frame make_frame() { return Frame(or_bad_alloc(av_frame_alloc())); }
Packet make_packet() { return Packet(or_bad_alloc(av_packet_alloc())); }

std::string text(int error_number) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> buffer{};
  av_strerror(error_number, buffer.data(), buffer.size());
  std::string const heard = tidy(complaint.data());
  return heard.empty() ? std::string(buffer.data())
                       : std::string(buffer.data()) + ": " + heard;
}

void clear_complaint() { complaint[0] = '\0'; }

void quiet_logs() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(keep_complaint); });
}

}  // namespace gasm::ffmpeg
