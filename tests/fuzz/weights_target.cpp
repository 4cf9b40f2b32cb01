// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>

#include <nlohmann/json.hpp>
#include <string>

#include "gasm/ckpt/weights.hpp"
#include "support/weight_bytes.hpp"
#include "targets.hpp"

namespace gasm::fuzz {
namespace {

void check_file(TensorFile const& file, std::size_t file_bytes) {
  promise(!file.tensors.empty(), "weights have a tensor");
  std::uint64_t total = 0;
  for (auto const& [name, tensor] : file.tensors) {
    promise(tensor.is_contiguous() && tensor.is_cpu(),
            "tensors are contiguous and on the CPU");
    total += tensor.nbytes();
  }
  promise(total <= 4 * file_bytes + (1 << 26), "memory is limited");
  try {
    check_finite(file.tensors, "weights");
  } catch (Error const&) {
    // Values need not be finite.
  }
  // Every byte is read, every name and text must be UTF-8.
  auto const path = scratch_folder() / "again.safetensors";
  value_or_throw(write_safetensors(path, file));
  auto const again = value_or_throw(gasm::read_weights(path));
  promise(again.metadata == file.metadata, "metadata come back");
  promise(again.tensors.size() == file.tensors.size(), "tensors come back");
  for (auto const& [name, tensor] : file.tensors) {
    auto const& other = again.tensors.at(name);
    promise(other.scalar_type() == tensor.scalar_type() &&
                other.sizes() == tensor.sizes(),
            "a tensor comes back as it was");
    promise(
        tensor.nbytes() == 0 || std::memcmp(tensor.data_ptr(), other.data_ptr(),
                                            tensor.nbytes()) == 0,
        "its bytes come back");
  }
}

void read_bytes_as_weights(std::string const& bytes) {
  auto const path = put("weights", std::as_bytes(std::span(bytes)));
  auto const format = find_weights_format(path);
  auto const file = gasm::read_weights(path);
  promise(format || !file, "what was read has a format");
  if (file) check_file(*file, bytes.size());
}

}  // namespace

void read_weights(std::span<std::byte const> input) {
  std::string const bytes(reinterpret_cast<char const*>(input.data()),
                          input.size());
  // Shards of an index that comes as input.
  static auto const shard = safetensors_bytes(
      R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "xy");
  static auto const shard_path =
      put("a.safetensors", std::as_bytes(std::span(shard)));
  read_bytes_as_weights(bytes);
  // A bare pickle goes into an archive: checksums would stop all changes.
  if (bytes.empty() || bytes[0] != '\x80') return;
  std::vector<std::string> const storages = {std::string(24, '\x01'),
                                             std::string(64, '\0'), ""};
  read_bytes_as_weights(torch_archive(bytes, storages));
  read_bytes_as_weights(
      torch_archive(bytes, storages,
                    {{.name = "x/constants.pkl", .bytes = ""},
                     {.name = "x/byteorder", .bytes = "little"}}));
}

}  // namespace gasm::fuzz
