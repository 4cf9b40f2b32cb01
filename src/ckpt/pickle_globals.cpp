// SPDX-License-Identifier: Apache-2.0
#include "pickle_globals.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

enum class Role {
  storage_type,
  element_type,
  class_name,  ///< of tensors, as an argument
  dict,
  default_dict,
  items_as_set,
  items_as_tuple,
  items_as_list,
  first_argument,
  attributes,  ///< an object of plain attributes
  tensor,
  typed_tensor,
  parameter,
  tensor_by_type,
  opaque,
  script_class,
};

struct Known {
  std::string_view name;
  Role role;
  at::ScalarType type = at::kByte;
};

// The names that torch.save and torch.jit.save write for tensors, and those of
// plain data that training checkpoints hold beside them.
constexpr std::array kKnown = {
    Known{"torch.DoubleStorage", Role::storage_type, at::kDouble},
    Known{"torch.FloatStorage", Role::storage_type, at::kFloat},
    Known{"torch.HalfStorage", Role::storage_type, at::kHalf},
    Known{"torch.BFloat16Storage", Role::storage_type, at::kBFloat16},
    Known{"torch.LongStorage", Role::storage_type, at::kLong},
    Known{"torch.IntStorage", Role::storage_type, at::kInt},
    Known{"torch.ShortStorage", Role::storage_type, at::kShort},
    Known{"torch.CharStorage", Role::storage_type, at::kChar},
    Known{"torch.ByteStorage", Role::storage_type, at::kByte},
    Known{"torch.BoolStorage", Role::storage_type, at::kBool},
    Known{"torch.UntypedStorage", Role::storage_type, at::kByte},
    Known{"torch.storage.UntypedStorage", Role::storage_type, at::kByte},
    Known{"torch.float64", Role::element_type, at::kDouble},
    Known{"torch.float32", Role::element_type, at::kFloat},
    Known{"torch.float16", Role::element_type, at::kHalf},
    Known{"torch.bfloat16", Role::element_type, at::kBFloat16},
    Known{"torch.int64", Role::element_type, at::kLong},
    Known{"torch.int32", Role::element_type, at::kInt},
    Known{"torch.int16", Role::element_type, at::kShort},
    Known{"torch.int8", Role::element_type, at::kChar},
    Known{"torch.uint64", Role::element_type, at::kUInt64},
    Known{"torch.uint32", Role::element_type, at::kUInt32},
    Known{"torch.uint16", Role::element_type, at::kUInt16},
    Known{"torch.uint8", Role::element_type, at::kByte},
    Known{"torch.bool", Role::element_type, at::kBool},
    Known{"torch.Tensor", Role::class_name},
    Known{"torch.nn.parameter.Parameter", Role::class_name},
    Known{"torch.nn.parameter.Buffer", Role::class_name},
    Known{"torch._utils._rebuild_tensor", Role::tensor},
    Known{"torch._utils._rebuild_tensor_v2", Role::tensor},
    Known{"torch._utils._rebuild_tensor_v3", Role::typed_tensor},
    Known{"torch._utils._rebuild_parameter", Role::parameter},
    Known{"torch._utils._rebuild_parameter_with_state", Role::parameter},
    Known{"torch._tensor._rebuild_from_type_v2", Role::tensor_by_type},
    Known{"torch.Size", Role::items_as_tuple},
    Known{"torch.device", Role::opaque},
    Known{"torch.jit._pickle.build_intlist", Role::items_as_list},
    Known{"torch.jit._pickle.build_doublelist", Role::items_as_list},
    Known{"torch.jit._pickle.build_boollist", Role::items_as_list},
    Known{"torch.jit._pickle.build_tensorlist", Role::items_as_list},
    Known{"torch.jit._pickle.restore_type_tag", Role::first_argument},
    Known{"collections.OrderedDict", Role::dict},
    Known{"collections.defaultdict", Role::default_dict},
    Known{"builtins.dict", Role::dict},
    Known{"builtins.list", Role::class_name},
    Known{"builtins.set", Role::items_as_set},
    Known{"builtins.frozenset", Role::items_as_set},
    Known{"argparse.Namespace", Role::attributes},
    Known{"types.SimpleNamespace", Role::attributes},
    Known{"_codecs.encode", Role::opaque},
    Known{"numpy.dtype", Role::opaque},
    Known{"numpy.ndarray", Role::class_name},
    Known{"numpy.core.multiarray.scalar", Role::opaque},
    Known{"numpy._core.multiarray.scalar", Role::opaque},
    Known{"numpy.core.multiarray._reconstruct", Role::opaque},
    Known{"numpy._core.multiarray._reconstruct", Role::opaque},
    Known{"pathlib.PosixPath", Role::opaque},
    Known{"pathlib.PurePosixPath", Role::opaque},
    Known{"pathlib.WindowsPath", Role::opaque},
};

/// Names are copied; those of a shared text could be many times the file.
constexpr std::size_t max_name_bytes = 1000;

bool is_script_class(std::string_view name) {
  return name.starts_with("__torch__.");
}

Known known(PickleValue const& global) {
  if (global.kind != PickleKind::global)
    throw error("{} is called as if it were a function", name_of(global.kind));
  auto const found = std::ranges::find(kKnown, global.text, &Known::name);
  if (found != kKnown.end()) return *found;
  GASM_ASSERT(is_script_class(global.text));
  return {global.text, Role::script_class};
}

/// The i-th argument of a call, of this kind.
PickleValue const& argument(PickleValue const& arguments, std::size_t i,
                            PickleKind kind) {
  if (arguments.items.size() <= i)
    throw error("argument {} of a call is missing", i + 1);
  auto const& value = *arguments.items[i];
  if (!value.is(kind))
    throw error("argument {} of a call is {} instead of {}", i + 1,
                name_of(value.kind), name_of(kind));
  return value;
}

std::vector<std::int64_t> integers(PickleValue const& arguments,
                                   std::size_t i) {
  constexpr std::size_t max_sizes = 64;  // as torch has
  auto const& items = argument(arguments, i, PickleKind::tuple).items;
  if (items.size() > max_sizes)
    throw error("a tensor has {} sizes or strides", items.size());
  std::vector<std::int64_t> numbers;
  for (auto const* const item : items) {
    if (!item->is(PickleKind::integer))
      throw error("a size or stride of a tensor is {}", name_of(item->kind));
    numbers.push_back(item->number);
  }
  return numbers;
}

/// Views of complex numbers are saved as "that storage, negated".
void refuse_lazy_views(PickleValue const& arguments, std::size_t i) {
  if (arguments.items.size() <= i) return;
  auto const& items = argument(arguments, i, PickleKind::dict).items;
  if (std::ranges::any_of(items, [](auto const* item) {
        return item->is(PickleKind::boolean) && item->number != 0;
      }))
    throw error(
        "a tensor is a conjugate or negative view. Try to save it after "
        ".resolve_conj().resolve_neg()");
}

void check_arguments(PickleValue const& arguments) {
  if (!arguments.is(PickleKind::tuple))
    throw error("a call's arguments are {}", name_of(arguments.kind));
}

}  // namespace

PickleValue* PickleGlobals::add(PickleKind kind) const {
  auto& value = values_.emplace_back();
  value.kind = kind;
  return &value;
}

PickleValue* PickleGlobals::find(std::string const& module,
                                 std::string const& name) const {
  if (module.size() > max_name_bytes || name.size() > max_name_bytes)
    throw error("a name has no end");
  // Python 3 writes the names of Python 2 into protocol 2.
  auto full = (module == "__builtin__" ? "builtins" : module) + "." + name;
  bool const is_ours =
      dialect_ == PickleDialect::torch_script && is_script_class(full);
  if (!is_ours && std::ranges::find(kKnown, full, &Known::name) == kKnown.end())
    throw UnknownGlobal{module + "." + name};
  auto* const value = add(PickleKind::global);
  value->text = std::move(full);
  return value;
}

void PickleGlobals::copy_items(PickleValue const& from, PickleValue& to) {
  constexpr std::uint64_t max_copied = 2'000'000;
  num_copied_ += from.items.size();
  if (num_copied_ > max_copied)
    throw error("it copies more than {} values", max_copied);
  to.items.insert(to.items.end(), from.items.begin(), from.items.end());
}

PickleValue* PickleGlobals::make_dict(PickleValue const& arguments) {
  auto* const dict = add(PickleKind::dict);
  if (arguments.items.empty()) return dict;
  for (auto const* const pair :
       argument(arguments, 0, PickleKind::list).items) {
    bool const is_pair =
        (pair->is(PickleKind::list) || pair->is(PickleKind::tuple)) &&
        pair->items.size() == 2;
    if (!is_pair) throw error("a dict is made of what are no pairs");
    copy_items(*pair, *dict);
  }
  return dict;
}

PickleValue* PickleGlobals::make_sequence(PickleKind kind,
                                          PickleValue const& arguments) {
  auto* const made = add(kind);
  if (arguments.items.empty()) return made;
  auto const& from = *arguments.items[0];
  if (!from.is(PickleKind::list) && !from.is(PickleKind::tuple))
    throw error("{} is made of {}", name_of(kind), name_of(from.kind));
  copy_items(from, *made);
  return made;
}

PickleValue* PickleGlobals::make_tensor(PickleValue const& arguments,
                                        bool has_type) const {
  auto const& storage = argument(arguments, 0, PickleKind::storage);
  refuse_lazy_views(arguments, has_type ? 7 : 6);
  auto layout = std::make_unique<TensorLayout>();
  layout->type = storage.type;
  if (has_type) {
    auto const type = known(argument(arguments, 6, PickleKind::global));
    if (type.role != Role::element_type)
      throw error("a tensor's type is {}", type.name);
    layout->type = type.type;
  }
  layout->offset = argument(arguments, 1, PickleKind::integer).number;
  layout->sizes = integers(arguments, 2);
  layout->strides = integers(arguments, 3);
  auto* const tensor = add(PickleKind::tensor);
  tensor->type = layout->type;
  tensor->items = {arguments.items[0]};
  tensor->layout = std::move(layout);
  return tensor;
}

PickleValue* PickleGlobals::call(PickleValue const& function,
                                 PickleValue const& arguments) {
  check_arguments(arguments);
  auto const entry = known(function);
  switch (entry.role) {
    case Role::dict:
      return make_dict(arguments);
    case Role::default_dict:
      return add(PickleKind::dict);
    case Role::items_as_set:
      return make_sequence(PickleKind::set, arguments);
    case Role::items_as_tuple:
      return make_sequence(PickleKind::tuple, arguments);
    case Role::items_as_list:
      return make_sequence(PickleKind::list, arguments);
    case Role::first_argument:
      if (arguments.items.empty())
        throw error("{} is called without arguments", entry.name);
      return arguments.items[0];
    case Role::attributes:
      return make(function, arguments);
    case Role::tensor:
    case Role::typed_tensor:
      return make_tensor(arguments, entry.role == Role::typed_tensor);
    case Role::parameter:
      (void)argument(arguments, 0, PickleKind::tensor);
      return arguments.items[0];
    case Role::tensor_by_type: {
      auto const& by = argument(arguments, 0, PickleKind::global);
      auto const role = known(by).role;
      if (role != Role::tensor && role != Role::typed_tensor)
        throw error("a tensor is made by {}", by.text);
      return call(by, argument(arguments, 2, PickleKind::tuple));
    }
    case Role::opaque: {
      auto* const value = add(PickleKind::opaque);
      value->text = entry.name;
      return value;
    }
    case Role::storage_type:
    case Role::element_type:
    case Role::class_name:
    case Role::script_class:
      break;
  }
  throw error("{} is called as if it were a function", entry.name);
}

PickleValue* PickleGlobals::make(PickleValue const& type,
                                 PickleValue const& arguments) {
  check_arguments(arguments);
  auto const entry = known(type);
  bool const is_plain =
      entry.role == Role::attributes || entry.role == Role::script_class;
  if (!is_plain && entry.role != Role::dict)
    throw error("an object of class {} is made", entry.name);
  if (!arguments.items.empty())
    throw error("an object of class {} is made with arguments", entry.name);
  auto* const object = add(is_plain ? PickleKind::object : PickleKind::dict);
  if (is_plain) object->text = type.text;
  return object;
}

void PickleGlobals::set_state(PickleValue& object, PickleValue const& state) {
  switch (object.kind) {
    case PickleKind::dict:  // an OrderedDict's attributes, e.g. _metadata
    case PickleKind::opaque:
      return;
    case PickleKind::object:
      if (!state.is(PickleKind::dict))
        throw error("{} restores itself from {} by code of its own",
                    object.text, name_of(state.kind));
      copy_items(state, object);
      return;
    default:
      throw error("{} is given attributes", name_of(object.kind));
  }
}

PickleValue* PickleGlobals::find_storage(PickleValue const& id) const {
  check_arguments(id);
  if (argument(id, 0, PickleKind::text).text != "storage")
    throw error("it refers to something outside that is no storage");
  auto const type = known(argument(id, 1, PickleKind::global));
  if (type.role != Role::storage_type)
    throw error("a storage's type is {}", type.name);
  auto const& key = argument(id, 2, PickleKind::text).text;
  if (key.size() > max_name_bytes) throw error("a storage's key has no end");
  auto* const storage = add(PickleKind::storage);
  storage->type = type.type;
  storage->text = key;
  storage->number = argument(id, 4, PickleKind::integer).number;
  return storage;
}

}  // namespace gasm
