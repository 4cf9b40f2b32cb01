// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/status_board.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "gasm/base/file.hpp"

namespace gasm {
namespace {

/// Rows are "rank=1 host=a ... phase=load checkpoint | train step 7": fields
/// without spaces first, then the texts, which must not hold what separates.
std::string clean(std::string_view text, std::size_t most, bool is_word) {
  std::string kept(text.substr(0, most));
  for (char& c : kept)
    if (static_cast<unsigned char>(c) < ' ' || c == '|' ||
        (is_word && c == ' '))
      c = '_';
  return kept;
}

/// The end of a name says more than its beginning.
std::string clean_end(std::string_view text, std::size_t most) {
  return clean(text.substr(text.size() - std::min(text.size(), most)), most,
               true);
}

std::optional<std::string_view> field(std::string_view row,
                                      std::string_view key) {
  auto const at = row.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  row.remove_prefix(at + key.size());
  return row.substr(0, row.find(' '));
}

template <class T>
bool parse(std::string_view row, std::string_view key, T& into) {
  auto const text = field(row, key);
  if (!text) return false;
  auto const end = text->data() + text->size();
  auto const parsed = std::from_chars(text->data(), end, into);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

std::string_view trimmed(std::string_view text) {
  auto const last = text.find_last_not_of(" \n");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

StatusRow parse_row(std::string_view row) {
  StatusRow parsed;
  int inside = 0;
  auto const texts = row.find(" phase=");
  if (row.substr(0, 5) != "rank=" || texts == std::string_view::npos)
    return parsed;
  std::string_view const head = row.substr(0, texts);
  int rank = -1;
  bool const complete =
      parse(head, "rank=", rank) && parse(head, " pid=", parsed.pid) &&
      parse(head, " since=", parsed.since_unix_s) &&
      parse(head, " written=", parsed.written_unix_s) &&
      parse(head, " sequence=", parsed.sequence) &&
      parse(head, " inside=", inside) &&
      parse(head, " bucket=", parsed.bucket) && field(head, " host=") &&
      field(head, " collective=") && field(head, " parameter=");
  if (!complete) return parsed;
  parsed.rank = rank;
  parsed.inside = inside != 0;
  parsed.host = *field(head, " host=");
  parsed.collective = *field(head, " collective=");
  parsed.parameter = *field(head, " parameter=");
  std::string_view const tail = row.substr(texts + 7);
  auto const bar = tail.find(" | ");
  parsed.phase = trimmed(tail.substr(0, bar));
  if (bar != std::string_view::npos)
    parsed.progress = trimmed(tail.substr(bar + 3));
  return parsed;
}

}  // namespace

StatusBoard::StatusBoard(std::filesystem::path const& path)
    : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) {}

StatusBoard::~StatusBoard() {
  if (fd_ >= 0) ::close(fd_);
}

void StatusBoard::write(StatusRow const& row) {
  if (fd_ < 0 || row.rank < 0) return;
  std::string const text = format_status_row(row);
  [[maybe_unused]] auto const ignored =
      ::pwrite(fd_, text.data(), text.size(),
               static_cast<off_t>(row.rank) * static_cast<off_t>(row_bytes));
}

std::string format_status_row(StatusRow const& row) {
  std::string text = fmt::format(
      "rank={} host={} pid={} since={:.3f} written={:.3f} sequence={} "
      "inside={} collective={} bucket={} parameter={} phase={} | {}",
      row.rank, clean(row.host, 32, true), row.pid, row.since_unix_s,
      row.written_unix_s, row.sequence, row.inside ? 1 : 0,
      clean(row.collective, 24, true), row.bucket, clean_end(row.parameter, 64),
      clean(row.phase, 80, false), clean(row.progress, 40, false));
  text.resize(StatusBoard::row_bytes - 1, ' ');
  return text + '\n';
}

std::vector<StatusRow> read_status_board(std::filesystem::path const& path) {
  auto const text = read_text(path);
  std::vector<StatusRow> rows;
  if (!text) return rows;
  std::string_view rest = *text;
  while (!rest.empty()) {
    auto const size = std::min(rest.size(), StatusBoard::row_bytes);
    rows.push_back(parse_row(rest.substr(0, size)));
    rest.remove_prefix(size);
  }
  return rows;
}

}  // namespace gasm
