// SPDX-License-Identifier: Apache-2.0
#include "gasm/ckpt/weights.hpp"

#include <ATen/ATen.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "gasm/base/placed_reader.hpp"
#include "pickle_value.hpp"
#include "sharded_weights.hpp"
#include "torch_archive.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

/// Enough to see the mark of a tar archive.
constexpr std::uint64_t head_bytes = 512;

constexpr char const* save_again =
    "Try to load it in Python and torch.save(state_dict, NEW) with PyTorch 1.6 "
    "or later, which writes a zip archive";

std::string read_head(PlacedReader const& file) {
  std::string head(std::min(head_bytes, file.size_bytes()), '\0');
  value_or_throw(file.read(0, std::as_writable_bytes(std::span(head))));
  return head;
}

/// A header's length that leaves something to read, and the header's brace.
bool is_safetensors(std::string const& head, std::uint64_t size_bytes) {
  std::uint64_t length = 0;
  if (head.size() < sizeof(length) + 1 || head[8] != '{') return false;
  std::memcpy(&length, head.data(), sizeof(length));
  // "{" as the first byte would be a length, too; but not of a small header.
  return head[0] != '{' || length <= size_bytes - sizeof(length);
}

bool is_pickle(std::string const& head) {
  return head.size() > 1 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5;
}

/// The number 0x1950a86a20f9469cfc6c with which torch.save began.
bool is_old_torch_save(std::string const& head) {
  return is_pickle(head) &&
         head.substr(2, 12) ==
             "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
}

bool starts_with(std::string const& head, std::string_view text) {
  return std::string_view(head).starts_with(text);
}

bool is_page(std::string const& head) {
  auto const begin = head.find_first_not_of(" \t\r\n");
  return begin != std::string::npos && head[begin] == '<';
}

Error refusal(std::string const& path, std::string const& head) {
  constexpr std::size_t tar_mark_start = 257;
  if (is_old_torch_save(head))
    return error(
        "{} is of the older form of torch.save, without a zip "
        "archive, which is not read. {}",
        path, save_again);
  if (is_pickle(head))
    return error(
        "{} is a bare pickle, not of torch.save; it could run any "
        "code, and is not read. {}",
        path, save_again);
  if (head.size() > tar_mark_start + 5 &&
      head.compare(tar_mark_start, 5, "ustar") == 0)
    return error(
        "{} is a tar archive, as torch.save wrote before 0.2 or of "
        "something else. Try to unpack it, or to load it in Python "
        "and torch.save the state dict again",
        path);
  if (starts_with(head, "version https://git-lfs"))
    return error(
        "{} is the Git LFS pointer of a file, not the file. Try git "
        "lfs pull",
        path);
  if (starts_with(head, "\x89HDF"))
    return error(
        "{} is an HDF5 file, not weights. Try safetensors or "
        "torch.save",
        path);
  if (is_page(head))
    return error("{} is a web page, not weights. Try to fetch it again", path);
  return error(
      "{} is of no format of weights that is known (neither "
      "safetensors, an index of shards, nor an archive of torch.save "
      "or torch.jit.save). Try safetensors",
      path);
}

WeightsFormat find_format(fs::path const& path) {
  auto const file = value_or_throw(PlacedReader::open(path));
  if (file.size_bytes() == 0)
    throw error("{} is empty (0 bytes). Try to fetch it again", path.string());
  auto const head = read_head(file);
  if (starts_like_zip(std::as_bytes(std::span(head))))
    return TorchArchive(path).dialect() == PickleDialect::torch_script
               ? WeightsFormat::torch_script
               : WeightsFormat::torch_save;
  if (is_safetensors(head, file.size_bytes()))
    return WeightsFormat::safetensors;
  auto const begin = head.find_first_not_of(" \t\r\n");
  if (begin != std::string::npos && head[begin] == '{')
    return WeightsFormat::sharded;
  throw refusal(path.string(), head);
}

TensorFile read_shard(fs::path const& path);

TensorFile read_format(fs::path const& path, WeightsFormat format) {
  switch (format) {
    case WeightsFormat::safetensors:
      return value_or_throw(read_safetensors(path));
    case WeightsFormat::sharded:
      return read_sharded_weights(path, read_shard);
    case WeightsFormat::torch_save:
    case WeightsFormat::torch_script:
      break;
  }
  return TorchArchive(path).read();
}

TensorFile read_shard(fs::path const& path) {
  auto const format = find_format(path);
  if (format == WeightsFormat::sharded)
    throw error(
        "{} is an index of shards, named as a shard by another. Try to fetch "
        "index and shards again",
        path.string());
  return read_format(path, format);
}

/// "inf (at [1, 2])", or nothing.
std::optional<std::string> first_not_finite(at::Tensor const& tensor) {
  if (!tensor.is_floating_point()) return std::nullopt;
  at::Tensor const is_finite = at::isfinite(tensor);
  if (is_finite.all().item<bool>()) return std::nullopt;
  at::Tensor const place = is_finite.logical_not().nonzero()[0];
  std::vector<std::int64_t> index;
  at::Tensor value = tensor;
  for (std::int64_t i = 0; i < place.numel(); ++i) {
    index.push_back(place[i].item<std::int64_t>());
    value = value[index.back()];
  }
  double const number = value.item<double>();
  char const* const word = std::isnan(number) ? "NaN"
                           : number > 0       ? "inf"
                                              : "-inf";
  return fmt::format("{} (at [{}])", word, fmt::join(index, ", "));
}

}  // namespace

char const* name_of(WeightsFormat format) {
  switch (format) {
    case WeightsFormat::safetensors:
      return "safetensors";
    case WeightsFormat::sharded:
      return "index of shards";
    case WeightsFormat::torch_save:
      return "torch.save archive";
    case WeightsFormat::torch_script:
      break;
  }
  return "TorchScript archive";
}

Result<WeightsFormat> find_weights_format(fs::path const& path) {
  try {
    return find_format(path);
  } catch (Error const& failed) {
    return tl::unexpected(failed);
  }
}

Result<TensorFile> read_weights(fs::path const& path) {
  try {
    auto const format = find_format(path);
    auto file = read_format(path, format);
    if (file.tensors.empty())
      throw error("{} holds no tensor{}", path.string(),
                  format == WeightsFormat::torch_script
                      ? " (those of a frozen module are constants of its "
                        "code). Try the module as it was before "
                        "torch.jit.freeze"
                      : ". Try the file that holds the weights");
    return file;
  } catch (Error const& failed) {
    return tl::unexpected(failed);
  } catch (c10::Error const& failed) {
    return failure("cannot read {} ({})", path.string(),
                   failed.what_without_backtrace());
  } catch (std::bad_alloc const&) {
    return failure("cannot read {} (there is not enough memory)",
                   path.string());
  }
}

void check_finite(std::map<std::string, at::Tensor> const& tensors,
                  std::string const& source) {
  for (auto const& [name, tensor] : tensors)
    if (auto const value = first_not_finite(tensor))
      throw error("{}: {} holds {}. Try another copy of the weights", source,
                  printable(name), *value);
}

}  // namespace gasm
