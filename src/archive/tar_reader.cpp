// SPDX-License-Identifier: Apache-2.0
#include "gasm/archive/tar_reader.hpp"

#include <cerrno>

#include "libarchive.hpp"

namespace gasm {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 18;
constexpr std::size_t kMaxNameBytes = 4096;

ReaderHandle make_reader() {
  ReaderHandle handle(archive_read_new());
  GASM_ASSERT(handle != nullptr);
  archive_read_support_filter_none(handle.get());
  archive_read_support_format_tar(handle.get());
  return handle;
}

}  // namespace

struct TarReader::State {
  ByteSource source;
  std::vector<std::byte> block;
  std::optional<Error> source_failure;
  std::string member_name;
  ReaderHandle handle;

  static la_ssize_t pull(archive* handle, void* self, void const** out) {
    auto& state = *static_cast<State*>(self);
    auto const num = state.source(state.block);
    *out = state.block.data();
    if (num) return static_cast<la_ssize_t>(*num);
    state.source_failure = num.error();
    archive_set_error(handle, EIO, "%s", num.error().what());
    return -1;
  }

  Error why() const {
    return source_failure ? *source_failure
                          : error("{}", archive_reason(handle.get()));
  }
};

TarReader::TarReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
TarReader::~TarReader() = default;
TarReader::TarReader(TarReader&&) noexcept = default;
TarReader& TarReader::operator=(TarReader&&) noexcept = default;

TarReader TarReader::of(ByteSource source) {
  auto state = std::make_unique<State>();
  state->source = std::move(source);
  state->block.resize(kBlockBytes);
  state->handle = make_reader();
  // What stands behind the end of the first archive is not passed over.
  archive_read_set_option(state->handle.get(), "tar",
                          "read_concatenated_archives", "1");
  // It reads ahead; what goes wrong then is met again by next().
  (void)archive_read_open(state->handle.get(), state.get(), nullptr,
                          &State::pull, nullptr);
  return TarReader(std::move(state));
}

Result<TarReader> TarReader::open(std::filesystem::path const& path) {
  auto state = std::make_unique<State>();
  state->handle = make_reader();
  if (archive_read_open_filename(state->handle.get(), path.c_str(),
                                 kBlockBytes) != ARCHIVE_OK)
    return failure("cannot read {} ({})", path.string(),
                   archive_reason(state->handle.get()));
  return TarReader(std::move(state));
}

Result<std::optional<TarMember>> TarReader::next() {
  if (state_->source_failure) return tl::unexpected(*state_->source_failure);
  archive* const handle = state_->handle.get();
  archive_entry* entry = nullptr;
  int const code = archive_read_next_header(handle, &entry);
  if (state_->source_failure) return tl::unexpected(*state_->source_failure);
  if (code == ARCHIVE_EOF) return std::nullopt;
  // A warning is about names, owners and the like.
  if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
    return tl::unexpected(state_->why());
  TarMember member;
  member.name = entry_name(entry);
  if (member.name.empty() || member.name.size() > kMaxNameBytes)
    return failure("a member's name has {} bytes (wanted 1 to {})",
                   member.name.size(), kMaxNameBytes);
  member.kind = entry_kind(entry);
  if (archive_entry_size(entry) < 0)
    return failure("member {} has a negative size", member.name);
  member.num_bytes = static_cast<std::uint64_t>(archive_entry_size(entry));
  member.offset = static_cast<std::uint64_t>(archive_filter_bytes(handle, 0));
  member.is_sparse = archive_entry_sparse_count(entry) > 0;
  state_->member_name = member.name;
  return member;
}

Result<std::vector<std::byte>> TarReader::read(std::uint64_t max_bytes) {
  auto bytes = read_entry(state_->handle.get(), max_bytes, state_->member_name);
  if (state_->source_failure) return tl::unexpected(*state_->source_failure);
  return bytes;
}

}  // namespace gasm
