// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/program_options.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace gasm {

/// What a command says of itself in its help text.
struct CommandText {
  std::string name;     ///< "data verify"
  std::string purpose;  ///< one or more sentences
  std::string example;  ///< a command line that works as it stands
  std::string notes = {};
};

/// The words after the command's name, and main's own for MPI.
struct Arguments {
  int argc = 0;
  char** argv = nullptr;
  std::vector<std::string> words;

  /// The whole command line, for records.
  std::vector<std::string> all() const { return {argv, argv + argc}; }
  bool ask_help() const;
};

/// The options of one command: what they are called, where their values go,
/// what the help says. Values that stand in the targets are the defaults.
class CommandLine {
 public:
  explicit CommandLine(CommandText text) : text_(std::move(text)) {}

  /// An option with a value: --name VALUE. `meta` names the value in the help.
  template <class T>
  void add(std::string const& name, T& target, char const* meta,
           std::string const& help) {
    if constexpr (std::is_unsigned_v<T>) unsigned_.push_back(name);
    add_value(name, boost::program_options::value<T>(&target), meta, help);
  }
  /// The same for a value that may stay unset.
  template <class T>
  void add(std::string const& name, std::optional<T>& target, char const* meta,
           std::string const& help) {
    if constexpr (std::is_unsigned_v<T>) unsigned_.push_back(name);
    auto* const value = boost::program_options::value<T>();
    value->notifier([&target](T const& given) { target = given; });
    add_value(name, value, meta, help);
  }
  /// The same, and its absence is an error.
  template <class T>
  void require(std::string const& name, T& target, char const* meta,
               std::string const& help) {
    required_.push_back(name);
    add(name, target, meta, help + " Required.");
  }
  /// A word that is on when it is there: --name.
  void flag(std::string const& name, bool& target, std::string const& help);
  /// An option that may come many times, with one value each.
  void add_each(std::string const& name, std::vector<std::string>& target,
                char const* meta, std::string const& help);
  /// Words without an option; at least one must be there.
  void add_files(std::vector<std::string>& target, std::string const& help);
  /// The same of files and folders.
  void add_paths(std::vector<std::string>& target, std::string const& help);
  /// The same of folders, which need not be there if `at_least` is 0.
  void add_folders(std::vector<std::string>& target, std::string const& help,
                   std::size_t at_least);

  /// Fills the targets. Throws a usage error that names the option at fault:
  /// unknown (with the nearest one), missing, repeated or not of its type.
  void parse(std::vector<std::string> const& words) const;

  std::string help() const;

 private:
  template <class T>
  void add_value(std::string const& name,
                 boost::program_options::typed_value<T>* value,
                 char const* meta, std::string const& help) {
    value->value_name(meta);
    options_.add_options()(name.c_str(), value, help.c_str());
  }
  /// The library would take -1 for 2^64 - 1.
  void refuse_signs(
      std::vector<boost::program_options::option> const& given) const;
  [[noreturn]] void fail_unknown(std::string const& word) const;
  std::string try_help() const;

  CommandText text_;
  boost::program_options::options_description options_{"Options", 78, 44};
  std::vector<std::string> required_;
  std::vector<std::string> unsigned_;
  std::vector<std::string>* files_ = nullptr;
  std::string files_help_;
  std::string files_word_ = "file";
  std::size_t fewest_files_ = 1;
};

/// Is this process the one that speaks, before MPI has started: rank 0 as the
/// launcher's environment says, or started without one.
bool is_speaker();

/// Prints the help, where it was asked for and this process is the one to
/// speak. True: nothing else is to be done.
bool printed_help(CommandLine const& line, Arguments const& arguments);

/// One line (or several) on standard output, at once.
void print(std::string const& text);

}  // namespace gasm
