// SPDX-License-Identifier: Apache-2.0
#include "pickle_stack.hpp"

#include "gasm/base/error.hpp"

namespace gasm {

PickleValue* PickleStack::top() const {
  if (values_.size() <= floor()) throw error("its stack is empty");
  return values_.back();
}

PickleValue* PickleStack::pop() {
  auto* const value = top();
  values_.pop_back();
  return value;
}

std::vector<PickleValue*> PickleStack::pop_last(std::size_t num) {
  if (values_.size() - floor() < num) throw error("its stack is empty");
  auto const begin = values_.end() - static_cast<std::ptrdiff_t>(num);
  std::vector<PickleValue*> items(begin, values_.end());
  values_.erase(begin, values_.end());
  return items;
}

std::vector<PickleValue*> PickleStack::pop_to_mark() {
  if (marks_.empty()) throw error("there is no mark on its stack");
  auto items = pop_last(values_.size() - marks_.back());
  marks_.pop_back();
  return items;
}

void PickleStack::drop() {
  if (!marks_.empty() && values_.size() == marks_.back())
    marks_.pop_back();
  else
    (void)pop();
}

}  // namespace gasm
