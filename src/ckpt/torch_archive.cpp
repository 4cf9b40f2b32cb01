// SPDX-License-Identifier: Apache-2.0
#include "torch_archive.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <vector>

#include "pickle_machine.hpp"
#include "state_dict.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t max_pickle_bytes = std::uint64_t{1} << 26;

/// ROOT of the one ROOT/data.pkl.
std::string find_root(StoredZip const& zip, fs::path const& path) {
  std::string root;
  for (auto const& [name, member] : zip.members()) {
    auto const slash = name.find('/');
    if (slash == std::string::npos || slash == 0 ||
        name.substr(slash) != "/data.pkl")
      continue;
    if (!root.empty())
      throw error("{} holds two archives of torch.save", path.string());
    root = name.substr(0, slash);
  }
  if (root.empty())
    throw error(
        "{} is a zip archive, but none of torch.save (it has no data.pkl). "
        "Try to unpack it, if weights are in it",
        path.string());
  return root;
}

/// Copies of one storage under many names could exceed any memory.
void check_total(StateDict const& state, std::uint64_t file_bytes,
                 fs::path const& path) {
  auto const limit = 4 * file_bytes + (std::uint64_t{1} << 26);
  std::uint64_t total = 0;
  for (auto const& [name, tensor] : state.tensors) {
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(*count_elements(tensor->layout->sizes),
                               c10::elementSize(tensor->type), &bytes) ||
        __builtin_add_overflow(total, bytes, &total) || total > limit)
      throw error(
          "{} holds tensors of more than {} bytes, four times its size. Try "
          "to save copies of expanded tensors",
          path.string(), limit);
  }
}

std::span<std::byte> bytes_of(at::Tensor const& tensor) {
  return {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

StateDict name_tensors(Pickle const& pickle, std::string const& what) {
  try {
    return find_state_dict(*pickle.root);
  } catch (Error const& failed) {
    throw error("{}: its tensors cannot be named ({})", what, failed.what());
  }
}

/// A tensor with memory of its own, from a storage that may become that memory
/// if nobody else views it.
at::Tensor take_tensor(at::Tensor const& storage, TensorLayout const& layout,
                       bool is_shared) {
  auto const options = at::TensorOptions(layout.type);
  auto const size = c10::elementSize(layout.type);
  auto const num_bytes = static_cast<std::uint64_t>(storage.numel());
  if (count_elements(layout.sizes) == 0)
    return at::empty(layout.sizes, options);
  if (!is_shared && num_bytes % size == 0 &&
      is_whole_storage(layout, num_bytes / size))
    return storage.view(layout.type).view(layout.sizes);
  auto* const start = static_cast<std::byte*>(storage.data_ptr()) +
                      static_cast<std::uint64_t>(layout.offset) * size;
  return at::from_blob(start, layout.sizes, layout.strides, options)
      .clone(at::MemoryFormat::Contiguous);
}

}  // namespace

TorchArchive::TorchArchive(fs::path const& path)
    : path_(path),
      zip_(value_or_throw(StoredZip::open(path))),
      root_(find_root(zip_, path)) {
  if (zip_.members().contains(root_ + "/constants.pkl"))
    dialect_ = PickleDialect::torch_script;
}

std::vector<std::byte> TorchArchive::read_member(
    std::string const& name, std::uint64_t max_bytes) const {
  auto const num = zip_.members().at(name).num_bytes;
  if (num > max_bytes)
    throw error("{} in {} has {} bytes (more than {})", name, path_.string(),
                num, max_bytes);
  std::vector<std::byte> bytes(num);
  value_or_throw(zip_.read(name, bytes));
  return bytes;
}

void TorchArchive::check_byte_order() const {
  auto const name = root_ + "/byteorder";
  if (!zip_.members().contains(name)) return;
  auto const bytes = read_member(name, 100);
  std::string const order(reinterpret_cast<char const*>(bytes.data()),
                          bytes.size());
  if (order != "little")
    throw error(
        "{} is of a machine of another byte order ({}). Try to save it on one "
        "like this",
        path_.string(), printable(order));
}

/// The member with the elements of a tensor, once all is known to fit.
std::string TorchArchive::find_member(std::string const& name,
                                      PickleValue const& tensor) const {
  auto const bad = [&](std::string const& why) {
    return error("{}: tensor {} {}. Try to copy or save it again",
                 path_.string(), printable(name), why);
  };
  auto const& storage = *tensor.items[0];
  auto const member = zip_.members().find(root_ + "/data/" + storage.text);
  if (member == zip_.members().end())
    throw bad(fmt::format("needs data/{}, which is not in the archive",
                          printable(storage.text)));
  auto const num_bytes = member->second.num_bytes;
  auto const size = c10::elementSize(storage.type);
  if (storage.number < 0 || num_bytes % size != 0 ||
      num_bytes / size != static_cast<std::uint64_t>(storage.number))
    throw bad(fmt::format("is in data/{} of {} bytes, said to be {} elements",
                          printable(storage.text), num_bytes, storage.number));
  auto const* const fault = find_layout_fault(
      *tensor.layout, num_bytes / c10::elementSize(tensor.type));
  if (fault != nullptr) throw bad(fault);
  return member->first;
}

void TorchArchive::read_storage(std::string const& member,
                                std::vector<NamedTensor> const& tensors,
                                TensorFile& file) const {
  auto const num_bytes = zip_.members().at(member).num_bytes;
  auto const storage = at::empty({static_cast<std::int64_t>(num_bytes)},
                                 at::TensorOptions(at::kByte));
  value_or_throw(zip_.read(member, bytes_of(storage)));
  // Here and not in the tensors: copying would make something of such bytes.
  auto const boolean = std::ranges::find_if(tensors, [](auto const& named) {
    return named.second->type == at::kBool;
  });
  if (boolean != tensors.end() && !are_booleans(bytes_of(storage)))
    throw error(
        "{}: tensor {} is in a storage of bytes that are neither true nor "
        "false. Try to copy or save it again",
        path_.string(), printable(boolean->first));
  for (auto const& [name, tensor] : tensors)
    file.tensors.emplace(
        name, take_tensor(storage, *tensor->layout, tensors.size() > 1));
}

TensorFile TorchArchive::read() const {
  check_byte_order();
  auto const what = path_.string() + ": data.pkl";
  auto const pickle = read_pickle(
      what, read_member(root_ + "/data.pkl", max_pickle_bytes), dialect_);
  auto state = name_tensors(pickle, what);
  std::map<std::string, std::vector<NamedTensor>> by_member;
  for (auto const& [name, tensor] : state.tensors)
    by_member[find_member(name, *tensor)].emplace_back(name, tensor);
  check_total(state, zip_.size_bytes(), path_);
  TensorFile file;
  file.metadata = std::move(state.metadata);
  for (auto const& [member, tensors] : by_member)
    read_storage(member, tensors, file);
  return file;
}

}  // namespace gasm
