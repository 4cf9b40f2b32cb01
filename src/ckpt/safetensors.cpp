// SPDX-License-Identifier: Apache-2.0
#include "gasm/ckpt/safetensors.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <vector>

#include "gasm/base/file.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/base/placed_reader.hpp"
#include "gasm/ckpt/element_type.hpp"
#include "pickle_value.hpp"
#include "tensor_layout.hpp"

namespace gasm {
namespace {

using json = nlohmann::json;

/// Is hashed while it is still in the processor's cache.
constexpr std::size_t kBlockBytes = std::size_t{256} << 10;

/// Of the header; a limit of the format.
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

char const* name_of(at::ScalarType type) {
  if (auto const* const name = element_type_name(type)) return name;
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
  /// `hash`: of all that is read, or nullptr.
  explicit Reader(PlacedReader const& source, Xxh64* hash = nullptr)
      : source_(source), path_(source.path()), hash_(hash) {}

  TensorFile read() {
    TensorFile file;
    for (auto const& entry : read_header(file))
      file.tensors.emplace(entry.name, read_tensor(entry));
    return file;
  }

  TensorFile read_layout() {
    TensorFile file;
    for (auto const& entry : read_header(file)) {
      if (entry.type == at::kBool) read_tensor(entry);
      file.tensors.emplace(
          entry.name,
          at::empty(entry.shape,
                    at::TensorOptions(entry.type).device(at::kMeta)));
    }
    return file;
  }

 private:
  /// The tensors in the order of their data; the metadata go to `file`.
  std::vector<Entry> read_header(TensorFile& file) {
    auto const header = parse_header();
    std::vector<Entry> entries;
    for (auto const& [name, value] : header.items()) {
      if (name == "__metadata__")
        file.metadata = value.get<std::map<std::string, std::string>>();
      else
        entries.push_back(parse_entry(name, value));
    }
    check_cover(entries);
    return entries;
  }

  void fill(std::uint64_t start, std::span<std::byte> out) const {
    if (!hash_) return value_or_throw(source_.read(start, out));
    while (!out.empty()) {
      auto const block = out.first(std::min(out.size(), kBlockBytes));
      value_or_throw(source_.read(start, block));
      hash_->update(block);
      start += block.size();
      out = out.subspan(block.size());
    }
  }

  template <class... Args>
  Error bad(fmt::format_string<Args...> text, Args&&... args) const {
    return error(
        "{} is not a sound safetensors file ({}). Try to copy or "
        "write it again",
        path_.string(),
        printable(fmt::format(text, std::forward<Args>(args)...)));
  }

  json parse_header() {
    std::uint64_t length = 0;
    auto const size = source_.size_bytes();
    if (size < sizeof(length))
      throw bad("{} bytes, shorter than any header", size);
    fill(0, std::as_writable_bytes(std::span(&length, 1)));
    if (length > kMaxHeaderBytes || length > size - sizeof(length))
      throw bad("the header claims {} bytes, the file has {}", length, size);
    std::string text(length, '\0');
    data_start_ = sizeof(length) + length;
    data_bytes_ = size - data_start_;
    fill(sizeof(length), std::as_writable_bytes(std::span(text)));
    std::set<std::string> keys;
    bool repeated = false;
    auto const watch_keys = [&](int depth, json::parse_event_t event,
                                json& parsed) {
      constexpr int max_depth = 4;
      if (depth > max_depth) throw bad("the header is nested too deep");
      if (depth == 1 && event == json::parse_event_t::key)
        repeated |= !keys.insert(parsed.get<std::string>()).second;
      return true;
    };
    try {
      auto header = json::parse(text, watch_keys);
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
      auto const known = find_element_type(type);
      if (!known) throw bad("tensor {} has the unknown type {}", name, type);
      entry.type = *known;
      check_size(entry);
      return entry;
    } catch (json::exception const& failed) {
      throw bad("the entry of tensor {}: {}", name, failed.what());
    }
  }

  void check_size(Entry const& entry) const {
    for (auto const extent : entry.shape)
      if (extent < 0) throw bad("tensor {} has a negative size", entry.name);
    auto const num = count_elements(entry.shape);
    std::uint64_t num_bytes = 0;
    if (!num ||
        __builtin_mul_overflow(*num, c10::elementSize(entry.type), &num_bytes))
      throw bad("tensor {} is larger than any memory", entry.name);
    if (entry.begin > entry.end || entry.end > data_bytes_)
      throw bad("tensor {} lies at bytes {} to {} of {}", entry.name,
                entry.begin, entry.end, data_bytes_);
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
    if (covered != data_bytes_)
      throw bad("{} bytes belong to no tensor", data_bytes_ - covered);
  }

  at::Tensor read_tensor(Entry const& entry) const {
    auto tensor = at::empty(entry.shape, at::TensorOptions(entry.type));
    std::span const bytes(static_cast<std::byte*>(tensor.data_ptr()),
                          tensor.nbytes());
    fill(data_start_ + entry.begin, bytes);
    if (entry.type == at::kBool && !are_booleans(bytes))
      throw bad("tensor {} holds bytes that are neither true nor false",
                entry.name);
    return tensor;
  }

  PlacedReader const& source_;
  std::filesystem::path const& path_;
  Xxh64* hash_;
  std::uint64_t data_start_ = 0;
  std::uint64_t data_bytes_ = 0;
};

/// What `body` makes of a reader of `path`.
template <class Body>
auto with_reader(std::filesystem::path const& path, Xxh64* hash, Body body)
    -> Result<decltype(body(std::declval<Reader&>()))> {
  auto const source = PlacedReader::open(path);
  if (!source) return tl::unexpected(source.error());
  try {
    Reader reader(*source, hash);
    return body(reader);
  } catch (Error const& failed) {
    return tl::unexpected(failed);
  } catch (json::exception const& failed) {
    return failure(
        "{} is not a sound safetensors file ({}). Try to copy or "
        "write it again",
        path.string(), printable(failed.what()));
  }
}

}  // namespace

Result<TensorFile> read_safetensors(std::filesystem::path const& path) {
  return with_reader(path, nullptr,
                     [](Reader& reader) { return reader.read(); });
}

Result<HashedTensorFile> read_hashed_safetensors(
    std::filesystem::path const& path) {
  Xxh64 hash;
  return with_reader(path, &hash, [&](Reader& reader) {
    auto file = reader.read();
    return HashedTensorFile{std::move(file), hash.digest()};
  });
}

Result<TensorFile> read_safetensors_layout(std::filesystem::path const& path) {
  return with_reader(path, nullptr,
                     [](Reader& reader) { return reader.read_layout(); });
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
