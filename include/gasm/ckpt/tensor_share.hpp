// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gasm/ckpt/safetensors.hpp"

namespace gasm {

/// Which part of a larger tensor a tensor of one dimension is: the values from
/// `from` on of tensor `of`, flattened row by row. It says nothing of ranks, so
/// that any number of them may read what any number wrote.
struct TensorSlice {
  std::string of;
  std::int64_t from = 0;
  std::vector<std::int64_t> shape;  ///< of the whole tensor
};

/// What one rank knows of a set of named tensors.
struct TensorShare {
  /// The same on all ranks, and so written once, by one of them.
  TensorFile common;
  /// This rank's alone: the slices of `slices`, by their names here.
  std::map<std::string, at::Tensor> own;
  std::map<std::string, TensorSlice> slices;
  /// Whether `own` is in use, the same on all ranks: it may be empty on some.
  bool is_divided = false;
};

/// The metadata entry of a file that says which of its tensors are slices.
std::string slices_to_text(std::map<std::string, TensorSlice> const& slices);
/// The reverse. Throws, naming `source`, for what is none.
std::map<std::string, TensorSlice> slices_from_text(std::string const& text,
                                                    std::string const& source);

/// Puts the tensors of several files together that share a set: slices become
/// the tensors that they are of. Takes one file after the other, in any order.
class TensorAssembly {
 public:
  /// `source` names the file in errors. Throws for a tensor that is there
  /// already, and for slices that cannot be.
  void add(TensorFile file, std::string const& source);
  /// Throws, naming tensor and values, where slices overlap or leave a gap.
  TensorFile finish(std::string const& set);

 private:
  struct Piece {
    std::int64_t from;
    at::Tensor values;
    std::string source;
  };
  struct Whole {
    std::vector<std::int64_t> shape;
    at::ScalarType type;
    std::vector<Piece> pieces;
  };

  TensorFile file_;
  std::map<std::string, Whole> wholes_;
};

}  // namespace gasm
