// SPDX-License-Identifier: Apache-2.0
#include "ckpt_text.hpp"

#include <ATen/core/Tensor.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gasm/base/clock.hpp"
#include "gasm/base/duration_text.hpp"
#include "gasm/ckpt/element_type.hpp"
#include "plain_text.hpp"
#include "tensor_totals.hpp"

namespace gasm {
namespace {

using json = nlohmann::ordered_json;

std::string line_of(json const& value) {
  return value.dump(-1, ' ', true, json::error_handler_t::replace);
}

template <class T>
json or_null(std::optional<T> const& value) {
  return value ? json(*value) : json();
}

std::string size_text(std::uint64_t num_bytes) {
  auto const bytes = static_cast<double>(num_bytes);
  if (bytes < 1e4) return fmt::format("{} B", num_bytes);
  if (bytes < 1e6) return fmt::format("{:.1f} KB", bytes * 1e-3);
  if (bytes < 1e9) return fmt::format("{:.1f} MB", bytes * 1e-6);
  return fmt::format("{:.2f} GB", bytes * 1e-9);
}

std::string time_text(double unix_s) {
  if (!(unix_s > 0 && unix_s < 1e11)) return "unknown";
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(static_cast<std::time_t>(unix_s)));
}

std::optional<double> epoch_of(CheckpointSummary const& summary) {
  auto const steps = summary.steps_per_epoch();
  if (!steps) return std::nullopt;
  return static_cast<double>(summary.step) / static_cast<double>(*steps);
}

double age_s(CheckpointSummary const& summary) {
  return std::max(0.0, unix_time_s() - summary.written_s);
}

std::string state_text(ListedCheckpoint const& listed) {
  if (listed.is_unfinished)
    return "unfinished (being written or replaced, or left by a killed run)";
  return listed.problem.empty() ? "complete" : plain(listed.problem);
}

bool is_target(CheckpointLink const& link, ListedCheckpoint const& listed) {
  return link.is_there && link.target.filename() == listed.path.filename();
}

std::string links_to(CheckpointListing const& listing,
                     ListedCheckpoint const& listed) {
  std::string names;
  for (auto const& link : listing.links)
    if (is_target(link, listed)) names += ", " + link.name;
  return names;
}

std::string row_of(CheckpointListing const& listing,
                   ListedCheckpoint const& listed) {
  std::string epoch = "-";
  std::string score = "-";
  std::string size = "-";
  std::string age = "-";
  std::string ranks = "-";
  if (auto const& summary = listed.summary) {
    if (auto const value = epoch_of(*summary))
      epoch = fmt::format("{:.2f}", *value);
    if (summary->score) score = fmt::format("{:.2f} %", 100 * *summary->score);
    size = size_text(summary->num_bytes());
    age = duration_text(age_s(*summary));
    ranks = std::to_string(summary->num_ranks);
  }
  return fmt::format("\n{:>9}  {:>8}  {:>9}  {:>9}  {:>12}  {:>5}  {}{}",
                     listed.step, epoch, score, size, age, ranks,
                     state_text(listed), links_to(listing, listed));
}

std::string tensors_text(TensorFile const& file) {
  std::string text;
  for (auto const& [name, tensor] : file.tensors)
    text += fmt::format("\n    {:<48} {:<4} [{}]", plain(name),
                        element_type_name(tensor.scalar_type()),
                        fmt::join(tensor.sizes(), ", "));
  return text;
}

std::string set_text(std::string const& set, TensorFile const& file,
                     bool with_tensors) {
  auto const totals = totals_of(file);
  auto text = fmt::format("\n  {}{}{} tensors, {} values, {}, layout {}",
                          plain(set), set.empty() ? "" : ": ",
                          file.tensors.size(), totals.num_values,
                          size_text(totals.num_bytes), layout_digest(file));
  for (auto const& [key, value] : file.metadata)
    text += fmt::format("\n    {} = {}", plain(key), plain(value));
  return with_tensors ? text + tensors_text(file) : text;
}

std::string summary_text(CheckpointSummary const& summary) {
  auto text = fmt::format(
      "\n  step {}, format {}, ranks {}, written {}, score {}", summary.step,
      summary.format, summary.num_ranks, time_text(summary.written_s),
      summary.score ? fmt::format("{}", *summary.score) : "none");
  if (auto const steps = summary.steps_per_epoch())
    text += fmt::format("\n  epoch {:.4f}: step {} of {} in it",
                        *epoch_of(summary), summary.step % *steps, *steps);
  text += "\n  written by " + (summary.writer()
                                   ? "gasm " + plain(*summary.writer())
                                   : std::string("a version that did not say"));
  return text;
}

json set_json(TensorFile const& file) {
  auto const totals = totals_of(file);
  json tensors = json::array();
  for (auto const& [name, tensor] : file.tensors)
    tensors.push_back({{"name", name},
                       {"type", element_type_name(tensor.scalar_type())},
                       {"shape", tensor.sizes().vec()}});
  return {
      {"num_tensors", file.tensors.size()}, {"num_values", totals.num_values},
      {"num_bytes", totals.num_bytes},      {"layout", layout_digest(file)},
      {"metadata", file.metadata},          {"tensors", std::move(tensors)}};
}

}  // namespace

std::string ckpt_listing_text(CheckpointListing const& listing) {
  auto text = fmt::format("{}\n{:>9}  {:>8}  {:>9}  {:>9}  {:>12}  {:>5}  {}",
                          plain(listing.folder.string()), "step", "epoch",
                          "score", "size", "age", "ranks", "state");
  for (auto const& listed : listing.checkpoints)
    text += row_of(listing, listed);
  if (listing.checkpoints.empty()) text += "\n(none)";
  for (auto const& link : listing.links)
    if (!link.is_there)
      text += fmt::format("\n{} points to {}, which is not there", link.name,
                          plain(link.target.string()));
  return text;
}

std::string ckpt_listing_json(CheckpointListing const& listing) {
  json list = json::array();
  for (auto const& listed : listing.checkpoints) {
    json entry = {{"path", listed.path.string()}, {"step", listed.step}};
    auto const& summary = listed.summary;
    entry["epoch"] = summary ? or_null(epoch_of(*summary)) : json();
    entry["score"] = summary ? or_null(summary->score) : json();
    entry["num_bytes"] = summary ? json(summary->num_bytes()) : json();
    entry["age_s"] = summary ? json(age_s(*summary)) : json();
    entry["ranks"] = summary ? json(summary->num_ranks) : json();
    entry["unfinished"] = listed.is_unfinished;
    entry["problem"] = listed.problem;
    list.push_back(std::move(entry));
  }
  json links = json::object();
  for (auto const& link : listing.links)
    links[link.name] = {{"target", link.target.string()},
                        {"there", link.is_there}};
  return line_of({{"folder", listing.folder.string()},
                  {"links", std::move(links)},
                  {"checkpoints", std::move(list)}});
}

std::string ckpt_view_text(CheckpointView const& view, bool with_tensors) {
  auto text = fmt::format("{}: {}, {}", plain(view.path.string()),
                          view.summary ? "checkpoint" : "file of tensors",
                          size_text(view.num_bytes));
  if (view.summary) text += summary_text(*view.summary);
  for (auto const& [set, file] : view.sets)
    text += set_text(set, file, with_tensors);
  if (!view.summary) return text;
  text += "\n  files";
  for (auto const& file : view.summary->files)
    text += fmt::format("\n    {:<44} {:>14} bytes  {}", plain(file.name),
                        file.num_bytes, plain(file.xxh64));
  text += "\n  facts";
  for (auto const& [key, value] : view.summary->facts)
    text += fmt::format("\n    {} = {}", plain(key), plain(value));
  return text;
}

std::string ckpt_view_json(CheckpointView const& view) {
  json all = {{"path", view.path.string()}, {"num_bytes", view.num_bytes}};
  if (auto const& summary = view.summary) {
    auto const steps = summary->steps_per_epoch();
    json files = json::object();
    for (auto const& file : summary->files)
      files[file.name] = {
          {"set", file.set}, {"bytes", file.num_bytes}, {"xxh64", file.xxh64}};
    all["step"] = summary->step;
    all["format"] = summary->format;
    all["ranks"] = summary->num_ranks;
    all["score"] = or_null(summary->score);
    all["epoch"] = or_null(epoch_of(*summary));
    all["cursor"] = steps ? json(summary->step % *steps) : json();
    all["written"] = time_text(summary->written_s);
    all["writer"] = or_null(summary->writer());
    all["facts"] = summary->facts;
    all["files"] = std::move(files);
  }
  json sets = json::object();
  for (auto const& [set, file] : view.sets) sets[set] = set_json(file);
  all["sets"] = std::move(sets);
  return line_of(all);
}

std::string ckpt_verdicts_text(std::vector<CheckpointVerdict> const& verdicts) {
  std::string text;
  for (auto const& verdict : verdicts) {
    for (auto const& problem : verdict.problems)
      text += "bad: " + plain(problem.text) + "\n";
    if (verdict.is_good())
      text += fmt::format("good: {} ({}{} files, {})\n",
                          plain(verdict.path.string()),
                          verdict.step ? fmt::format("step {}, ", *verdict.step)
                                       : std::string(),
                          verdict.num_files, size_text(verdict.num_bytes));
  }
  return text;
}

std::string ckpt_verdicts_json(std::vector<CheckpointVerdict> const& verdicts) {
  json list = json::array();
  bool is_good = true;
  for (auto const& verdict : verdicts) {
    is_good &= verdict.is_good();
    json problems = json::array();
    for (auto const& problem : verdict.problems)
      problems.push_back(
          {{"path", problem.path.string()}, {"problem", problem.text}});
    list.push_back({{"path", verdict.path.string()},
                    {"good", verdict.is_good()},
                    {"step", or_null(verdict.step)},
                    {"num_files", verdict.num_files},
                    {"num_bytes", verdict.num_bytes},
                    {"problems", std::move(problems)}});
  }
  return line_of({{"good", is_good}, {"checked", std::move(list)}});
}

}  // namespace gasm
