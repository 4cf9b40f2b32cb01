// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "gasm/record/histogram.hpp"

namespace gasm {

/// A setting as TensorBoard's HPARAMS tab compares it.
using HparamValue = std::variant<bool, double, std::string>;
using Hparams = std::vector<std::pair<std::string, HparamValue>>;

/// `word` as a number or a truth value where it reads as one.
HparamValue hparam_of(std::string const& word);

/// What TensorBoard shows of one step: a protobuf Summary, value by value.
/// Tags are names such as "train/loss".
class TensorBoardSummary {
 public:
  void add_scalar(std::string_view tag, double value);
  void add_histogram(std::string_view tag, Histogram const& histogram);
  /// `png`: a whole PNG file. `description`: Markdown.
  void add_image(std::string_view tag, std::span<std::byte const> png,
                 int width, int height, std::string_view description);
  /// `markdown` as the tab TEXT shows it.
  void add_text(std::string_view tag, std::string_view markdown);

  /// What runs may differ in and what they are measured by: `metrics` are tags
  /// of scalars. TensorBoard takes the columns of its table from one run.
  void add_experiment(Hparams const& hparams,
                      std::span<std::string const> metrics, double time_s);
  /// This run's row in that table begins, or ends.
  void add_session_start(Hparams const& hparams, std::string_view name,
                         double time_s);
  void add_session_end(bool is_success, double time_s);

  bool empty() const { return bytes_.empty(); }
  /// The Summary's encoding.
  std::string const& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace gasm
