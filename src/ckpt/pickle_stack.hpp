// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "pickle_value.hpp"

namespace gasm {

/// The stack of a pickle's reader, with its marks. What lies below a mark is
/// out of reach until the mark is gone. Throws for what is not there.
class PickleStack {
 public:
  bool is_empty() const { return values_.empty() && marks_.empty(); }
  void push(PickleValue* value) { values_.push_back(value); }
  void mark() { marks_.push_back(values_.size()); }

  PickleValue* top() const;
  PickleValue* pop();
  std::vector<PickleValue*> pop_last(std::size_t num);
  /// What lies above the last mark; the mark goes too.
  std::vector<PickleValue*> pop_to_mark();
  /// One value, or a mark if there is one on top.
  void drop();

 private:
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  std::vector<PickleValue*> values_;
  std::vector<std::size_t> marks_;
};

}  // namespace gasm
