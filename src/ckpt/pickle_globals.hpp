// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>

#include "pickle_value.hpp"

namespace gasm {

enum class PickleDialect { torch_save, torch_script };

/// The few functions and classes that the pickles of tensors name, as data.
/// Nothing is ever looked up, imported or run: what a call would return is
/// written down here, and a name that is not in the table is refused before it
/// is called. Errors say what is wrong, not where.
class PickleGlobals {
 public:
  /// New values are kept in `values`.
  PickleGlobals(PickleDialect dialect, std::deque<PickleValue>& values)
      : dialect_(dialect), values_(values) {}

  /// The value of "module name". Throws UnknownGlobal if it is not allowed.
  PickleValue* find(std::string const& module, std::string const& name) const;
  /// What function(*arguments) gives.
  PickleValue* call(PickleValue const& function, PickleValue const& arguments);
  /// What class.__new__(class, *arguments) gives.
  PickleValue* make(PickleValue const& type, PickleValue const& arguments);
  /// Gives a new object its attributes.
  void set_state(PickleValue& object, PickleValue const& state);
  /// A storage, from the tuple that stands for it.
  PickleValue* find_storage(PickleValue const& id) const;

 private:
  PickleValue* add(PickleKind kind) const;
  PickleValue* make_tensor(PickleValue const& arguments, bool has_type) const;
  PickleValue* make_dict(PickleValue const& arguments);
  PickleValue* make_sequence(PickleKind kind, PickleValue const& arguments);
  /// Limited: a shared list could be copied by every opcode.
  void copy_items(PickleValue const& from, PickleValue& to);

  PickleDialect dialect_;
  std::deque<PickleValue>& values_;
  std::uint64_t num_copied_ = 0;
};

/// A global outside of the table; what() is its name.
struct UnknownGlobal {
  std::string name;
};

}  // namespace gasm
