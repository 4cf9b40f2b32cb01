// SPDX-License-Identifier: Apache-2.0
#include "gasm/ckpt/checkpoint_view.hpp"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string_view>

#include "checkpoint_manifest.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/ckpt/element_type.hpp"
#include "gasm/ckpt/tensor_share.hpp"
#include "listed_file.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

double written_s(fs::path const& path) {
  std::error_code none;
  auto const time = fs::last_write_time(path, none);
  if (none) return 0;
  auto const since_1970 = std::chrono::file_clock::to_sys(time);
  return std::chrono::duration<double>(since_1970.time_since_epoch()).count();
}

/// The step of "step-N", "step-N.replaced" and "step-N.tmp-JOB".
std::optional<std::int64_t> step_within(std::string const& name) {
  return step_of(name.substr(0, name.find('.')));
}

std::string size_problem(fs::path const& folder,
                         CheckpointManifest const& manifest) {
  for (auto const& [name, file] : manifest.files)
    if (auto const fits = check_listed_size(folder / name, file); !fits)
      return fits.error().what();
  return "";
}

CheckpointSummary summary_of(fs::path const& folder,
                             CheckpointManifest const& manifest) {
  CheckpointSummary summary{.step = manifest.step,
                            .format = manifest.format,
                            .num_ranks = manifest.num_ranks,
                            .score = manifest.score,
                            .facts = manifest.facts,
                            .files = {},
                            .written_s = written_s(folder / "manifest.json")};
  for (auto const& [name, file] : manifest.files)
    summary.files.push_back({name, file.set, file.num_bytes, file.xxh64});
  return summary;
}

ListedCheckpoint look_at(fs::path const& path, std::int64_t step) {
  ListedCheckpoint listed{.path = path,
                          .step = step,
                          .is_unfinished = false,
                          .summary = std::nullopt,
                          .problem = {}};
  auto const name = path.filename().string();
  std::error_code none;
  if (!step_of(name)) {
    bool const counts = name.ends_with(kReplacedStep) &&
                        !fs::exists(path.parent_path() / step_name(step), none);
    listed.is_unfinished = !counts;
  }
  auto const manifest = read_checkpoint_manifest(path);
  if (manifest) {
    listed.summary = summary_of(path, *manifest);
    listed.problem = size_problem(path, *manifest);
  } else {
    listed.problem = manifest.error().what();
  }
  return listed;
}

std::vector<CheckpointLink> links_of(fs::path const& folder) {
  std::vector<CheckpointLink> links;
  std::error_code none;
  for (auto const* name : {"latest", "best"})
    if (fs::is_symlink(folder / name, none))
      links.push_back({name, fs::read_symlink(folder / name, none),
                       fs::exists(folder / name, none)});
  return links;
}

}  // namespace

std::uint64_t CheckpointSummary::num_bytes() const {
  std::uint64_t sum = 0;
  for (auto const& file : files) sum += file.num_bytes;
  return sum;
}

std::optional<std::int64_t> CheckpointSummary::steps_per_epoch() const {
  auto const found = facts.find("steps_per_epoch");
  if (found == facts.end()) return std::nullopt;
  std::int64_t steps = 0;
  auto const* last = found->second.data() + found->second.size();
  auto const [end, why] = std::from_chars(found->second.data(), last, steps);
  if (why != std::errc() || end != last || steps < 1) return std::nullopt;
  return steps;
}

std::optional<std::string> CheckpointSummary::writer() const {
  auto const found = facts.find("gasm");
  return found == facts.end() ? std::nullopt : std::optional(found->second);
}

Result<CheckpointSummary> read_checkpoint_summary(fs::path const& step_folder) {
  auto const manifest = read_checkpoint_manifest(step_folder);
  if (!manifest) return tl::unexpected(manifest.error());
  return summary_of(step_folder, *manifest);
}

Result<std::map<std::string, TensorFile>> read_checkpoint_layout(
    fs::path const& step_folder) {
  auto const manifest = read_checkpoint_manifest(step_folder);
  if (!manifest) return tl::unexpected(manifest.error());
  try {
    std::map<std::string, TensorAssembly> parts;
    for (auto const& [name, file] : manifest->files) {
      if (file.set.empty()) continue;
      auto const path = step_folder / name;
      value_or_throw(check_listed_size(path, file));
      parts[file.set].add(value_or_throw(read_safetensors_layout(path)),
                          path.string());
    }
    std::map<std::string, TensorFile> whole;
    for (auto& [set, assembly] : parts)
      whole.emplace(set, assembly.finish((step_folder / set).string()));
    return whole;
  } catch (Error const& failed) {
    return tl::unexpected(failed);
  }
}

std::string layout_digest(TensorFile const& file) {
  std::string text;
  for (auto const& [name, tensor] : file.tensors)
    text += fmt::format("{} {} [{}]\n", name,
                        element_type_name(tensor.scalar_type()),
                        fmt::join(tensor.sizes(), ", "));
  return to_hex(xxh64(text));
}

Result<CheckpointListing> list_checkpoints(fs::path const& folder) {
  CheckpointListing listing{
      .folder = folder, .checkpoints = {}, .links = links_of(folder)};
  std::error_code why;
  for (fs::directory_iterator entry(folder, why), end; !why && entry != end;
       entry.increment(why)) {
    auto const step = step_within(entry->path().filename().string());
    std::error_code gone;
    if (!step || entry->is_symlink(gone)) continue;
    auto listed = look_at(entry->path(), *step);
    // A run may remove it at any moment.
    if (fs::exists(listed.path, gone))
      listing.checkpoints.push_back(std::move(listed));
  }
  if (why)
    return failure("cannot read {} ({})", folder.string(), why.message());
  std::sort(listing.checkpoints.begin(), listing.checkpoints.end(),
            [](auto const& a, auto const& b) {
              return std::pair(a.step, a.path) < std::pair(b.step, b.path);
            });
  return listing;
}

}  // namespace gasm
