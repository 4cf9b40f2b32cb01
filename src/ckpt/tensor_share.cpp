// SPDX-License-Identifier: Apache-2.0
#include "gasm/ckpt/tensor_share.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gasm/base/error.hpp"
#include "pickle_value.hpp"
#include "tensor_layout.hpp"

namespace gasm {
namespace {

using json = nlohmann::json;

constexpr char const* kSlices = "slices";

}  // namespace

std::string slices_to_text(std::map<std::string, TensorSlice> const& slices) {
  json text = json::object();
  for (auto const& [name, slice] : slices)
    text[name] = {
        {"of", slice.of}, {"from", slice.from}, {"shape", slice.shape}};
  return text.dump();
}

std::map<std::string, TensorSlice> slices_from_text(std::string const& text,
                                                    std::string const& source) {
  try {
    std::map<std::string, TensorSlice> slices;
    auto const parsed = json::parse(text);
    for (auto const& [name, slice] : parsed.items())
      slices[name] = {slice.at("of").get<std::string>(),
                      slice.at("from").get<std::int64_t>(),
                      slice.at("shape").get<std::vector<std::int64_t>>()};
    return slices;
  } catch (json::exception const& failed) {
    throw error("{} does not say what its slices are of ({})", source,
                printable(failed.what()));
  }
}

void TensorAssembly::add(TensorFile file, std::string const& source) {
  std::map<std::string, TensorSlice> slices;
  if (auto const text = file.metadata.extract(kSlices))
    slices = slices_from_text(text.mapped(), source);
  for (auto const& [name, slice] : slices)
    if (!file.tensors.contains(name))
      throw error("{} lacks the slice {} that its header names", source,
                  printable(name));
  for (auto& [name, tensor] : file.tensors) {
    auto const found = slices.find(name);
    if (found == slices.end()) {
      if (!file_.tensors.emplace(name, tensor).second)
        throw error("{} has the tensor {}, which another file has, too", source,
                    printable(name));
      continue;
    }
    auto const& slice = found->second;
    auto const& whole =
        wholes_
            .try_emplace(slice.of, Whole{slice.shape, tensor.scalar_type(), {}})
            .first->second;
    if (whole.shape != slice.shape || whole.type != tensor.scalar_type() ||
        tensor.dim() != 1)
      throw error(
          "{} has a slice of {} that is of another shape or type than "
          "its other slices",
          source, printable(slice.of));
    wholes_.at(slice.of).pieces.push_back({slice.from, tensor, source});
  }
  file_.metadata.merge(file.metadata);
}

TensorFile TensorAssembly::finish(std::string const& set) {
  for (auto& [name, whole] : wholes_) {
    auto const num_values = count_elements(whole.shape);
    if (!num_values)
      throw error("{}: {} is larger than any memory", set, printable(name));
    std::sort(whole.pieces.begin(), whole.pieces.end(),
              [](auto const& a, auto const& b) {
                return std::pair(a.from, a.values.numel()) <
                       std::pair(b.from, b.values.numel());
              });
    std::int64_t due = 0;
    for (auto const& piece : whole.pieces) {
      if (piece.from != due)
        throw error("{} has the values of {} from {} on, where {} was due",
                    piece.source, printable(name), piece.from, due);
      due += piece.values.numel();
    }
    if (due != static_cast<std::int64_t>(*num_values))
      throw error("{}: {} has {} values, and slices for {}", set,
                  printable(name), *num_values, due);
    std::vector<at::Tensor> values;
    for (auto const& piece : whole.pieces) values.push_back(piece.values);
    auto const tensor = values.empty()
                            ? at::empty({0}, at::TensorOptions(whole.type))
                            : at::cat(values);
    if (!file_.tensors.emplace(name, tensor.view(whole.shape)).second)
      throw error("{}: {} is there whole and in slices", set, printable(name));
    whole.pieces.clear();
  }
  return std::move(file_);
}

}  // namespace gasm
