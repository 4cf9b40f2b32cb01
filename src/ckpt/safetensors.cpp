// SPDX-License-Identifier: Apache-2.0
#include "gasm/ckpt/safetensors.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "gasm/base/file.hpp"
#include "gasm/base/hash.hpp"

namespace gasm {
namespace {

using json = nlohmann::json;

struct TypeName {
  char const* name;
  at::ScalarType type;
};

constexpr std::array kTypes = {
    TypeName{"BOOL", at::kBool},     TypeName{"U8", at::kByte},
    TypeName{"I8", at::kChar},       TypeName{"I16", at::kShort},
    TypeName{"U16", at::kUInt16},    TypeName{"F16", at::kHalf},
    TypeName{"BF16", at::kBFloat16}, TypeName{"I32", at::kInt},
    TypeName{"U32", at::kUInt32},    TypeName{"F32", at::kFloat},
    TypeName{"I64", at::kLong},      TypeName{"U64", at::kUInt64},
    TypeName{"F64", at::kDouble},
};

/// Of the header; a limit of the format.
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

char const* name_of(at::ScalarType type) {
  for (auto const& known : kTypes)
    if (known.type == type) return known.name;
  throw error(
      "cannot write a tensor of type {} (safetensors has no name for "
      "it). Try to convert it to float",
      c10::toString(type));
}

/// One tensor as the header describes it.
struct Entry {
  std::string name;
  at::ScalarType type;
  std::vector<std::int64_t> shape;
  std::uint64_t begin;
  std::uint64_t end;
};

class Reader {
 public:
  Reader(std::filesystem::path const& path, std::span<std::byte const> bytes)
      : path_(path), bytes_(bytes) {}

  TensorFile read() {
    auto const header = parse_header();
    TensorFile file;
    std::vector<Entry> entries;
    for (auto const& [name, value] : header.items()) {
      if (name == "__metadata__")
        file.metadata = value.get<std::map<std::string, std::string>>();
      else
        entries.push_back(parse_entry(name, value));
    }
    check_cover(entries);
    for (auto const& entry : entries)
      file.tensors.emplace(entry.name, copy_tensor(entry));
    return file;
  }

 private:
  template <class... Args>
  Error bad(fmt::format_string<Args...> text, Args&&... args) const {
    return error(
        "{} is not a sound safetensors file ({}). Try to copy or "
        "write it again",
        path_.string(), fmt::format(text, std::forward<Args>(args)...));
  }

  json parse_header() {
    std::uint64_t length = 0;
    if (bytes_.size() < sizeof(length))
      throw bad("{} bytes, shorter than any header", bytes_.size());
    std::memcpy(&length, bytes_.data(), sizeof(length));
    if (length > kMaxHeaderBytes || length > bytes_.size() - sizeof(length))
      throw bad("the header claims {} bytes, the file has {}", length,
                bytes_.size());
    auto const* text = reinterpret_cast<char const*>(bytes_.data()) + 8;
    data_ = bytes_.subspan(8 + length);
    std::vector<std::string> keys;
    bool repeated = false;
    auto const watch_keys = [&](int depth, json::parse_event_t event,
                                json& parsed) {
      if (depth == 1 && event == json::parse_event_t::key) {
        auto const key = parsed.get<std::string>();
        repeated |= std::find(keys.begin(), keys.end(), key) != keys.end();
        keys.push_back(key);
      }
      return true;
    };
    try {
      auto header = json::parse(text, text + length, watch_keys);
      if (!header.is_object()) throw bad("the header is not a JSON object");
      if (repeated) throw bad("a tensor stands twice in the header");
      return header;
    } catch (json::exception const& failed) {
      throw bad("the header is not JSON: {}", failed.what());
    }
  }

  Entry parse_entry(std::string const& name, json const& value) const {
    try {
      Entry entry{name, at::kFloat,
                  value.at("shape").get<std::vector<std::int64_t>>(),
                  value.at("data_offsets").at(0).get<std::uint64_t>(),
                  value.at("data_offsets").at(1).get<std::uint64_t>()};
      auto const type = value.at("dtype").get<std::string>();
      auto const known =
          std::find_if(kTypes.begin(), kTypes.end(),
                       [&](auto const& t) { return t.name == type; });
      if (known == kTypes.end())
        throw bad("tensor {} has the unknown type {}", name, type);
      entry.type = known->type;
      check_size(entry);
      return entry;
    } catch (json::exception const& failed) {
      throw bad("the entry of tensor {}: {}", name, failed.what());
    }
  }

  void check_size(Entry const& entry) const {
    std::uint64_t num_bytes = c10::elementSize(entry.type);
    for (auto const extent : entry.shape) {
      if (extent < 0) throw bad("tensor {} has a negative size", entry.name);
      if (__builtin_mul_overflow(num_bytes, static_cast<std::uint64_t>(extent),
                                 &num_bytes))
        throw bad("tensor {} is larger than any memory", entry.name);
    }
    if (entry.begin > entry.end || entry.end > data_.size())
      throw bad("tensor {} lies at bytes {} to {} of {}", entry.name,
                entry.begin, entry.end, data_.size());
    if (entry.end - entry.begin != num_bytes)
      throw bad("tensor {} has {} bytes, its shape needs {}", entry.name,
                entry.end - entry.begin, num_bytes);
  }

  void check_cover(std::vector<Entry>& entries) const {
    std::sort(entries.begin(), entries.end(),
              [](Entry const& a, Entry const& b) {
                return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
              });
    std::uint64_t covered = 0;
    for (auto const& entry : entries) {
      if (entry.begin != covered)
        throw bad("tensor {} begins at byte {} where {} was due", entry.name,
                  entry.begin, covered);
      covered = entry.end;
    }
    if (covered != data_.size())
      throw bad("{} bytes belong to no tensor", data_.size() - covered);
  }

  at::Tensor copy_tensor(Entry const& entry) const {
    auto tensor = at::empty(entry.shape, at::TensorOptions(entry.type));
    if (entry.end > entry.begin)
      std::memcpy(tensor.data_ptr(), data_.data() + entry.begin,
                  entry.end - entry.begin);
    return tensor;
  }

  std::filesystem::path const& path_;
  std::span<std::byte const> bytes_;
  std::span<std::byte const> data_;
};

}  // namespace

Result<TensorFile> read_safetensors(std::filesystem::path const& path) {
  auto bytes = read_bytes(path);
  if (!bytes) return tl::unexpected(bytes.error());
  try {
    return Reader(path, *bytes).read();
  } catch (Error const& failed) {
    return tl::unexpected(failed);
  } catch (json::exception const& failed) {
    return failure(
        "{} is not a sound safetensors file ({}). Try to copy or "
        "write it again",
        path.string(), failed.what());
  }
}

Result<std::uint64_t> write_safetensors(std::filesystem::path const& path,
                                        TensorFile const& file) {
  using Item = std::pair<std::string, at::Tensor>;
  std::vector<Item> items(file.tensors.begin(), file.tensors.end());
  std::stable_sort(items.begin(), items.end(), [](auto& a, auto& b) {
    return a.second.element_size() > b.second.element_size();
  });
  json header = json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  std::uint64_t offset = 0;
  for (auto& [name, tensor] : items) {
    tensor = tensor.detach().to(at::kCPU).contiguous();
    auto const end = offset + tensor.nbytes();
    header[name] = {{"dtype", name_of(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  auto text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');

  auto writer = FileWriter::open(path, FileWriter::Mode::truncate);
  if (!writer) return tl::unexpected(writer.error());
  Xxh64 hash;
  auto const put = [&](std::span<std::byte const> bytes) {
    hash.update(bytes);
    return writer->write(bytes);
  };
  std::uint64_t const length = text.size();
  auto done = put(std::as_bytes(std::span(&length, 1)));
  if (done) done = put(std::as_bytes(std::span(text)));
  for (auto const& [name, tensor] : items) {
    if (!done) break;
    done = put(
        {static_cast<std::byte const*>(tensor.data_ptr()), tensor.nbytes()});
  }
  if (done) done = writer->sync();
  if (done) done = writer->close();
  if (!done) return tl::unexpected(done.error());
  return hash.digest();
}

}  // namespace gasm
