// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "gasm/models/named_tensors.hpp"

namespace gasm {

/// How the tensors of a file fit the state of a module, by name.
struct LoadReport {
  std::vector<std::string> fitting;     ///< the same name and shape
  std::vector<std::string> missing;     ///< the file has none of that name
  std::vector<std::string> unexpected;  ///< the module has none
  /// Another shape, or numbers of another kind (integer, real).
  std::vector<std::string> misshapen;
  std::vector<std::string> converted;  ///< of `fitting`, to the module's type

  bool is_complete() const {
    return missing.empty() && unexpected.empty() && misshapen.empty();
  }
};

/// Whether numbers of a file may become those of a module.
bool is_convertible(at::Tensor const& wanted, at::Tensor const& given);

/// Copies nothing.
LoadReport compare_tensors(torch::nn::Module const& module,
                           TensorMap const& tensors);

/// "197 tensors fit; 2 missing: a, b; 1 unexpected: c" with at most
/// `max_names` names of a kind.
std::string report_text(LoadReport const& report, std::size_t max_names = 8);

/// Copies the tensors that fit and leaves the others of the module as they
/// are. An Error that names `source` if none fits.
LoadReport load_what_fits(torch::nn::Module& module, TensorMap const& tensors,
                          std::string const& source);

}  // namespace gasm
