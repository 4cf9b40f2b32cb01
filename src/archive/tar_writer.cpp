// SPDX-License-Identifier: Apache-2.0
#include "gasm/archive/tar_writer.hpp"

#include <cerrno>
#include <optional>

#include "gasm/base/file.hpp"
#include "libarchive.hpp"

namespace gasm {
namespace {

constexpr int kBlockBytes = 10240 * 64;
// What tar pads to.
constexpr int kLastBlockBytes = 10240;

}  // namespace

struct TarWriter::State {
  explicit State(FileWriter writer) : file(std::move(writer)) {}

  FileWriter file;
  std::optional<Error> file_failure;
  WriterHandle handle{archive_write_new()};
  EntryHandle entry{archive_entry_new()};

  static la_ssize_t push(archive* handle, void* self, void const* data,
                         std::size_t num_bytes) {
    auto& state = *static_cast<State*>(self);
    auto const done =
        state.file.write({static_cast<std::byte const*>(data), num_bytes});
    if (done) return static_cast<la_ssize_t>(num_bytes);
    state.file_failure = done.error();
    archive_set_error(handle, EIO, "%s", done.error().what());
    return -1;
  }

  Result<void> outcome(la_ssize_t code, std::string const& what) const {
    if (file_failure) return tl::unexpected(*file_failure);
    if (code >= 0) return {};
    return failure("cannot write {} into a tar archive ({})", what,
                   archive_reason(handle.get()));
  }
};

TarWriter::TarWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
TarWriter::TarWriter(TarWriter&&) noexcept = default;
TarWriter& TarWriter::operator=(TarWriter&&) noexcept = default;

TarWriter::~TarWriter() {
  // Else freeing the handle would write the end of an unfinished archive.
  if (state_ != nullptr) archive_write_fail(state_->handle.get());
}

Result<TarWriter> TarWriter::create(std::filesystem::path const& path) {
  auto file = FileWriter::open(path, FileWriter::Mode::truncate);
  if (!file) return tl::unexpected(file.error());
  auto state = std::make_unique<State>(std::move(*file));
  archive* const handle = state->handle.get();
  archive_write_set_format_ustar(handle);
  archive_write_add_filter_none(handle);
  archive_write_set_bytes_per_block(handle, kBlockBytes);
  archive_write_set_bytes_in_last_block(handle, kLastBlockBytes);
  int const code =
      archive_write_open(handle, state.get(), nullptr, &State::push, nullptr);
  if (auto done = state->outcome(code, path.string()); !done)
    return tl::unexpected(done.error());
  return TarWriter(std::move(state));
}

Result<void> TarWriter::add(std::string const& name,
                            std::span<std::byte const> bytes) {
  archive_entry* const entry = archive_entry_clear(state_->entry.get());
  archive_entry_set_pathname(entry, name.c_str());
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_perm(entry, 0644);
  archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
  archive_entry_set_mtime(entry, 0, 0);
  auto done =
      state_->outcome(archive_write_header(state_->handle.get(), entry), name);
  if (!done || bytes.empty()) return done;
  auto const num =
      archive_write_data(state_->handle.get(), bytes.data(), bytes.size());
  return state_->outcome(num, name);
}

Result<void> TarWriter::close() {
  int const code = archive_write_close(state_->handle.get());
  if (auto done = state_->outcome(code, "the end"); !done) return done;
  if (auto done = state_->file.sync(); !done) return done;
  return state_->file.close();
}

}  // namespace gasm
