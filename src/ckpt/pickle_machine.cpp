// SPDX-License-Identifier: Apache-2.0
#include "pickle_machine.hpp"

#include <bit>
#include <cstring>
#include <unordered_map>

#include "gasm/base/error.hpp"
#include "pickle_bytes.hpp"
#include "pickle_stack.hpp"

namespace gasm {
namespace {

using Bytes = std::span<std::byte const>;

/// Each makes at most one value and one place on the stack.
constexpr std::uint64_t max_opcodes = 2'000'000;

class PickleMachine {
 public:
  PickleMachine(Bytes bytes, PickleDialect dialect)
      : bytes_(bytes), globals_(dialect, pickle_.values) {}

  std::size_t position() const { return opcode_start_; }

  Pickle run() {
    for (std::uint64_t num = 0; !root_; ++num) {
      if (num == max_opcodes)
        throw error("it has more than {} steps", max_opcodes);
      opcode_start_ = bytes_.position();
      step(number<std::uint8_t>());
    }
    if (!bytes_.at_end()) throw error("bytes follow its end");
    pickle_.root = root_;
    return std::move(pickle_);
  }

 private:
  template <class T>
  T number() {
    return bytes_.number<T>();
  }
  PickleValue* add(PickleKind kind) {
    auto& value = pickle_.values.emplace_back();
    value.kind = kind;
    stack_.push(&value);
    return &value;
  }

  void add_number(std::int64_t number) {
    add(PickleKind::integer)->number = number;
  }
  void add_boolean(bool is_true) {
    add(PickleKind::boolean)->number = is_true ? 1 : 0;
  }
  void add_text(PickleKind kind, std::uint64_t num) {
    auto text = bytes_.text(num);
    add(kind)->text = std::move(text);
  }
  /// Little-endian, two's complement, of any length.
  void add_long(std::uint64_t num) {
    auto const digits = bytes_.take(num);
    if (num > sizeof(std::int64_t)) {
      add(PickleKind::opaque)->text = "a large integer";
      return;
    }
    bool const is_negative =
        num > 0 && (digits[num - 1] & std::byte{0x80}) != std::byte{0};
    std::int64_t number = is_negative ? -1 : 0;
    if (num > 0) std::memcpy(&number, digits.data(), num);
    add_number(number);
  }
  void add_real() {
    auto const bits = __builtin_bswap64(number<std::uint64_t>());
    add(PickleKind::real)->real = std::bit_cast<double>(bits);
  }
  void add_items(PickleKind kind, std::vector<PickleValue*> items) {
    if (kind == PickleKind::dict && items.size() % 2 != 0)
      throw error("a dict has a key without a value");
    add(kind)->items = std::move(items);
  }
  /// To the container that is on top once `items` are gone.
  void append(std::vector<PickleValue*> const& items, PickleKind kind) {
    auto* const container = stack_.top();
    if (!container->is(kind))
      throw error("{} is treated as {}", name_of(container->kind),
                  name_of(kind));
    if (kind == PickleKind::dict && items.size() % 2 != 0)
      throw error("a dict has a key without a value");
    container->items.insert(container->items.end(), items.begin(), items.end());
  }

  void remember(std::uint64_t place) { memo_[place] = stack_.top(); }
  void recall(std::uint64_t place) {
    auto const found = memo_.find(place);
    if (found == memo_.end()) throw error("its memo has no {}", place);
    stack_.push(found->second);
  }

  void name_global() {
    auto const module = bytes_.line();
    auto const name = bytes_.line();
    stack_.push(globals_.find(module, name));
  }
  void name_stacked_global() {
    auto const names = stack_.pop_last(2);
    for (auto const* const name : names)
      if (!name->is(PickleKind::text))
        throw error("the name of a global is {}", name_of(name->kind));
    stack_.push(globals_.find(names[0]->text, names[1]->text));
  }
  void reduce() {
    auto const* const arguments = stack_.pop();
    auto const* const function = stack_.pop();
    stack_.push(globals_.call(*function, *arguments));
  }
  void make_object() {
    auto const* const arguments = stack_.pop();
    auto const* const type = stack_.pop();
    stack_.push(globals_.make(*type, *arguments));
  }
  void build() {
    auto* const state = stack_.pop();
    globals_.set_state(*stack_.top(), *state);
  }
  void stop() {
    root_ = stack_.pop();
    if (!stack_.is_empty()) throw error("it ends with values left over");
  }
  void check_protocol() {
    constexpr int newest = 5;
    int const protocol = number<std::uint8_t>();
    if (protocol < 2 || protocol > newest)
      throw error("it is of protocol {}, not 2 to {}", protocol, newest);
  }

  // A list of all that is understood, one line each: longer, but not harder.
  void step(std::uint8_t opcode) {  // NOLINT(readability-function-size)
    using enum PickleKind;
    switch (opcode) {
      case 0x80:
        return check_protocol();
      case 0x95:
        return (void)number<std::uint64_t>();  // FRAME
      case '.':
        return stop();
      case '(':
        return stack_.mark();
      case '0':
        return stack_.drop();
      case '1':
        return (void)stack_.pop_to_mark();
      case '2':
        return stack_.push(stack_.top());
      case 'N':
        return (void)add(none);
      case 0x88:
        return add_boolean(true);
      case 0x89:
        return add_boolean(false);
      case 'J':
        return add_number(number<std::int32_t>());
      case 'K':
        return add_number(number<std::uint8_t>());
      case 'M':
        return add_number(number<std::uint16_t>());
      case 0x8a:
        return add_long(number<std::uint8_t>());
      case 0x8b:
        return add_long(number<std::uint32_t>());
      case 'G':
        return add_real();
      case 'X':
        return add_text(text, number<std::uint32_t>());
      case 0x8c:
        return add_text(text, number<std::uint8_t>());
      case 0x8d:
        return add_text(text, number<std::uint64_t>());
      case 'U':
        return add_text(text, number<std::uint8_t>());
      case 'T':
        return add_text(text, number<std::uint32_t>());
      case 'C':
        return add_text(bytes, number<std::uint8_t>());
      case 'B':
        return add_text(bytes, number<std::uint32_t>());
      case 0x8e:
      case 0x96:
        return add_text(bytes, number<std::uint64_t>());
      case '}':
        return add_items(dict, {});
      case ']':
        return add_items(list, {});
      case ')':
        return add_items(tuple, {});
      case 0x8f:
        return add_items(set, {});
      case 't':
        return add_items(tuple, stack_.pop_to_mark());
      case 0x85:
        return add_items(tuple, stack_.pop_last(1));
      case 0x86:
        return add_items(tuple, stack_.pop_last(2));
      case 0x87:
        return add_items(tuple, stack_.pop_last(3));
      case 'd':
        return add_items(dict, stack_.pop_to_mark());
      case 'l':
        return add_items(list, stack_.pop_to_mark());
      case 0x91:
        return add_items(set, stack_.pop_to_mark());
      case 'a':
        return append(stack_.pop_last(1), list);
      case 'e':
        return append(stack_.pop_to_mark(), list);
      case 's':
        return append(stack_.pop_last(2), dict);
      case 'u':
        return append(stack_.pop_to_mark(), dict);
      case 0x90:
        return append(stack_.pop_to_mark(), set);
      case 'q':
        return remember(number<std::uint8_t>());
      case 'r':
        return remember(number<std::uint32_t>());
      case 0x94:
        return remember(memo_.size());
      case 'h':
        return recall(number<std::uint8_t>());
      case 'j':
        return recall(number<std::uint32_t>());
      case 'c':
        return name_global();
      case 0x93:
        return name_stacked_global();
      case 'R':
        return reduce();
      case 0x81:
        return make_object();
      case 'b':
        return build();
      case 'Q':
        return stack_.push(globals_.find_storage(*stack_.pop()));
      default:
        throw error("opcode 0x{:02x} has no place in saved tensors", opcode);
    }
  }

  PickleBytes bytes_;
  std::size_t opcode_start_ = 0;
  Pickle pickle_;
  PickleGlobals globals_;
  PickleStack stack_;
  std::unordered_map<std::uint64_t, PickleValue*> memo_;
  PickleValue const* root_ = nullptr;
};

}  // namespace

Pickle read_pickle(std::string const& what, Bytes bytes,
                   PickleDialect dialect) {
  PickleMachine machine(bytes, dialect);
  try {
    return machine.run();
  } catch (UnknownGlobal const& global) {
    throw error(
        "{} asks for {}, which is no plain tensor data (byte {}; nothing of "
        "it was run). Try to save the tensors alone: "
        "torch.save(model.state_dict(), NEW)",
        what, printable(global.name), machine.position());
  } catch (Error const& failed) {
    throw error("{} is no sound pickle of tensors (byte {}: {})", what,
                machine.position(), printable(failed.what()));
  }
}

}  // namespace gasm
