// SPDX-License-Identifier: Apache-2.0
#include "command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/algorithm/string/case_conv.hpp>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "gasm/base/error.hpp"
#include "gasm/base/nearest.hpp"

namespace gasm {
namespace {

namespace po = boost::program_options;

/// Without guessing: a cut option name must not change its meaning when an
/// option is added later.
constexpr int kStyle = po::command_line_style::allow_long |
                       po::command_line_style::long_allow_adjacent |
                       po::command_line_style::long_allow_next;

std::string quoted(std::string const& word) { return "'" + word + "'"; }

}  // namespace

bool Arguments::ask_help() const {
  return std::any_of(words.begin(), words.end(), [](std::string const& word) {
    return word == "--help" || word == "-h";
  });
}

void CommandLine::flag(std::string const& name, bool& target,
                       std::string const& help) {
  options_.add_options()(name.c_str(), po::bool_switch(&target), help.c_str());
}

void CommandLine::add_each(std::string const& name,
                           std::vector<std::string>& target, char const* meta,
                           std::string const& help) {
  add_value(name, po::value<std::vector<std::string>>(&target), meta, help);
}

void CommandLine::add_files(std::vector<std::string>& target,
                            std::string const& help) {
  files_ = &target;
  files_help_ = help;
}

void CommandLine::add_paths(std::vector<std::string>& target,
                            std::string const& help) {
  add_files(target, help);
  files_word_ = "path";
}

void CommandLine::add_folders(std::vector<std::string>& target,
                              std::string const& help, std::size_t at_least) {
  add_files(target, help);
  files_word_ = "folder";
  fewest_files_ = at_least;
}

std::string CommandLine::try_help() const {
  return fmt::format("Try gasm {} --help", text_.name);
}

void CommandLine::fail_unknown(std::string const& word) const {
  std::vector<std::string> names;
  for (auto const& option : options_.options())
    names.push_back("--" + option->long_name());
  std::string const bare = word.substr(0, word.find('='));
  std::string const best = nearest(bare, names);
  throw usage_error("gasm {} has no option {}. {}", text_.name, quoted(bare),
                    best.empty() ? try_help() : "Try " + best);
}

void CommandLine::refuse_signs(std::vector<po::option> const& given) const {
  for (auto const& option : given) {
    bool const is_unsigned = std::find(unsigned_.begin(), unsigned_.end(),
                                       option.string_key) != unsigned_.end();
    if (!is_unsigned || option.value.empty()) continue;
    auto const& word = option.value.front();
    if (word.starts_with('-') || word.starts_with('+'))
      throw usage_error("gasm {}: --{} {} (must be 0 or a positive number). {}",
                        text_.name, option.string_key, word, try_help());
  }
}

void CommandLine::parse(std::vector<std::string> const& words) const {
  po::variables_map values;
  std::vector<std::string> files;
  try {
    auto const parsed = po::command_line_parser(words)
                            .options(options_)
                            .style(kStyle)
                            .allow_unregistered()
                            .run();
    for (auto const& option : parsed.options) {
      bool const is_file = option.position_key >= 0;
      if (option.unregistered && !is_file)
        fail_unknown(option.original_tokens.front());
      if (is_file)
        for (auto const& word : option.original_tokens) files.push_back(word);
    }
    refuse_signs(parsed.options);
    po::store(parsed, values);
    po::notify(values);
  } catch (po::error const& failed) {
    throw usage_error("gasm {}: {}. {}", text_.name, failed.what(), try_help());
  }
  if (!files.empty() && files_ == nullptr) {
    if (files.front().starts_with("-")) fail_unknown(files.front());
    throw usage_error("gasm {} takes no argument {}. {}", text_.name,
                      quoted(files.front()), try_help());
  }
  for (auto const& name : required_)
    if (values.count(name) == 0)
      throw usage_error("gasm {} needs --{} (it is not given). {}", text_.name,
                        name, try_help());
  if (files_ == nullptr) return;
  if (files.size() < fewest_files_)
    throw usage_error("gasm {} needs at least one {} (none is given). {}",
                      text_.name, files_word_, try_help());
  *files_ = files;
}

std::string CommandLine::help() const {
  std::ostringstream options;
  options << options_;
  auto const word = boost::to_upper_copy(files_word_);
  auto const files = files_ == nullptr    ? std::string()
                     : fewest_files_ == 0 ? fmt::format(" [{}...]", word)
                                          : fmt::format(" {}...", word);
  auto text = fmt::format("Usage: gasm {} [options]{}\n\n{}\n\n{}", text_.name,
                          files, text_.purpose, options.str());
  if (!files_help_.empty())
    text += fmt::format("\n{}: {}\n", word, files_help_);
  if (!text_.notes.empty()) text += fmt::format("\n{}\n", text_.notes);
  text += fmt::format("\nExample:\n  {}\n", text_.example);
  return text;
}

bool is_speaker() {
  for (char const* name :
       {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"})
    if (char const* rank = std::getenv(name)) return std::string(rank) == "0";
  return true;
}

bool printed_help(CommandLine const& line, Arguments const& arguments) {
  if (!arguments.ask_help()) return false;
  if (is_speaker()) print(line.help());
  return true;
}

void print(std::string const& text) {
  std::fputs(text.c_str(), stdout);
  if (text.empty() || text.back() != '\n') std::fputc('\n', stdout);
  std::fflush(stdout);
}

}  // namespace gasm
