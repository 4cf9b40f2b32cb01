// SPDX-License-Identifier: Apache-2.0
#include "checkpoint_manifest.hpp"
#include "gasm/ckpt/checkpoint.hpp"
#include "gasm/ckpt/checkpoint_view.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using Kind = CheckpointPlace::Kind;

/// Links such as `latest` are replaced by what they point to, so that the
/// folder's name can be held against its manifest.
fs::path without_link(fs::path const& path) {
  std::error_code none;
  if (!fs::is_symlink(path, none)) return path;
  auto const target = fs::read_symlink(path, none);
  return target.is_absolute() ? target : path.parent_path() / target;
}

bool holds_steps(fs::path const& folder) {
  std::error_code none;
  for (auto const& entry : fs::directory_iterator(folder, none))
    if (entry.path().filename().string().starts_with("step-")) return true;
  return folder.filename() == "checkpoints";
}

Result<CheckpointPlace> find_in_folder(fs::path const& folder) {
  std::error_code none;
  if (fs::is_directory(folder / "checkpoints", none))
    return CheckpointPlace{Kind::folder, folder / "checkpoints"};
  if (step_of(folder.filename().string()) ||
      fs::exists(folder / "manifest.json", none))
    return CheckpointPlace{Kind::step, folder};
  if (holds_steps(folder)) return CheckpointPlace{Kind::folder, folder};
  return tl::unexpected(usage_error(
      "{} holds no checkpoint (neither a run folder, nor checkpoints, nor one "
      "of them). Try a folder that gasm runs lists",
      folder.string()));
}

}  // namespace

Result<CheckpointPlace> find_checkpoints(fs::path const& path) {
  auto given = path;
  while (given.has_relative_path() && !given.has_filename())
    given = given.parent_path();  // "runs/first/"
  if (auto const problem = find_dangling_link(given))
    return tl::unexpected(*problem);
  std::error_code why;
  if (!fs::exists(given, why))
    return failure("cannot read {} ({})", given.string(),
                   why ? why.message() : errno_text(ENOENT));
  if (fs::is_directory(given, why)) return find_in_folder(without_link(given));
  if (given.filename() == "manifest.json") {
    auto const folder = given.parent_path();
    return CheckpointPlace{Kind::step, folder.empty() ? fs::path(".") : folder};
  }
  return CheckpointPlace{Kind::file, given};
}

}  // namespace gasm
